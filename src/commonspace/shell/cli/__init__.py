"""The command line: each command is a frozen request, a function that answers it, and an exit code."""

from commonspace.shell.cli.app import build, main

__all__ = ["build", "main"]
