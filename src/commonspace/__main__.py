"""``python -m commonspace`` is the ``commonspace`` command."""

from commonspace.shell.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
