"""The command line as its parser sees it: which commands and options exist, and whether a line makes sense."""

from collections.abc import Iterator
from typing import Any

import typer

from commonspace.shell.cli.app import build
from commonspace.shell.cli.wiring import House

__all__ = ["complaint", "leaves", "options"]


def root() -> Any:
    """The real command line, with nothing behind it run."""
    return typer.main.get_command(build(House()))


def leaves(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, under its full name."""
    command = command or root()
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
    else:
        for name, child in sorted(children.items()):
            yield from leaves(child, (*path, name))


def options(command: Any) -> list[str]:
    """The long name of each option of a command; the short one where there is no long one."""
    named = [each for each in command.params if each.param_type_name == "option"]
    return [max(each.opts, key=len) for each in named if each.name != "help"]


def complaint(arguments: list[str]) -> str | None:
    """What the parser has against a command line; None when it would run."""
    command, rest = root(), list(arguments)
    while children := getattr(command, "commands", None):
        if rest[:1] in (["--help"], ["--version"]):
            return None
        if " ".join(rest[:2]) in children:
            command, rest = children[" ".join(rest[:2])], rest[2:]
            continue
        if not rest or rest[0] not in children:
            return f"there is no command '{' '.join(rest[:1])}'"
        command = children[rest.pop(0)]
    if "--help" in rest:
        return None
    try:
        command.make_context(command.name, rest).close()
    except Exception as error:  # noqa: BLE001  (typer carries its own copy of click's errors)
        return f"{type(error).__name__}: {error}"
    return None
