"""What goes where: answers to stdout, remarks and errors to stderr, one JSON document where it was asked for."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from commonspace.core.errors import CommonspaceError, ItemError
from commonspace.shell.wording import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "error_fields", "print_json", "remark", "remarks", "reporting", "to_json"]

INTERRUPTED = 130
PIPE_COLUMNS = 160


def console() -> "Console":
    """The console for answers; plain where stdout is no terminal or NO_COLOR is set."""
    from rich.console import Console

    out = Console(highlight=False)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = PIPE_COLUMNS
    return out


def remarks() -> "Console":
    """The console for remarks, progress and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def remark(text: str) -> None:
    """Say something beside the answer, on stderr."""
    remarks().print(printable(text), markup=False, soft_wrap=True)


def to_json(document: Any, *, compact: bool = False) -> bytes:
    """One JSON document; arrays are lists, and bytes of a name that are not UTF-8 come out escaped."""
    import orjson

    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE | (0 if compact else orjson.OPT_INDENT_2)
    try:
        return orjson.dumps(document, option=options)
    except orjson.JSONEncodeError:
        return orjson.dumps(_clean(document), option=options)


def print_json(document: Any, *, compact: bool = False) -> None:
    """Print one JSON document to stdout, and nothing else; ``compact`` on one line, for long arrays."""
    sys.stdout.flush()
    typer.echo(to_json(document, compact=compact), nl=False)


def error_fields(error: CommonspaceError) -> dict[str, str]:
    """An error as it stands in JSON: code, cause, fix."""
    code = error.item_code if isinstance(error, ItemError) else error.code
    return {"code": code, "cause": error.cause, "fix": error.fix}


@contextmanager
def reporting(*, as_json: bool) -> Iterator[None]:
    """Answer an expected error in two lines (or one document) and exit 1; Ctrl-C exits 130."""
    try:
        yield
    except CommonspaceError as error:
        _show(error, as_json=as_json)
        raise typer.Exit(1) from None
    except KeyboardInterrupt as interrupt:
        _show_interrupt(getattr(interrupt, "__notes__", []), as_json=as_json)
        raise typer.Exit(INTERRUPTED) from None


def _show_interrupt(notes: Sequence[str], *, as_json: bool) -> None:
    """Say that it was interrupted, and what was noted on the way: what is kept, how to resume."""
    if as_json:
        print_json({"error": {"code": "interrupted", "cause": "Interrupted.", "fix": " ".join(notes)}})
        return
    for line in ("Interrupted.", *notes):
        remark(line)


def _show(error: CommonspaceError, *, as_json: bool) -> None:
    if as_json:
        print_json({"error": error_fields(error)})
        return
    from rich.text import Text

    out = remarks()
    out.print(Text.assemble(("error: ", "bold red"), printable(error.cause)), soft_wrap=True)
    if error.fix:
        out.print(Text.assemble(("fix: ", "bold green"), printable(error.fix)), soft_wrap=True)


def _clean(value: Any) -> Any:
    """The same document with lone surrogates escaped, which JSON cannot hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_clean(key): _clean(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(entry) for entry in value]
    return value
