"""A command line becomes one frozen value: the fields of a dataclass are the command's options.

The docstring of the dataclass is the command's help. Errors are answered here, in one place.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from enum import IntEnum
from typing import Any, Protocol, TypeVar, get_type_hints

import typer

from commonspace.shell.cli.answer import reporting

__all__ = ["ExitCode", "Request", "command"]


class ExitCode(IntEnum):
    """What a command's exit status means; typer itself answers a mistyped option with 2."""

    FINE = 0
    FAILED = 1
    MISUSED = 2
    SOME_FAILED = 3
    REJECTED = 4
    INTERRUPTED = 130


class Request(Protocol):
    """What every command's dataclass has."""

    @property
    def as_json(self) -> bool:
        """Whether the answer, or the error, is one JSON document."""
        ...


R = TypeVar("R", bound=Request)


def command(app: typer.Typer, name: str, request: type[R], answer: Callable[[R], ExitCode]) -> None:
    """Add a command to the app: its options are the request's fields, its work is ``answer``."""
    hints = get_type_hints(request, include_extras=True)

    def run(**given: Any) -> None:
        made = request(**given)
        with reporting(as_json=made.as_json):
            code = answer(made)
        raise typer.Exit(code)

    parameters = [_parameter(field, hints[field.name]) for field in fields(request)]  # type: ignore[arg-type]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {field.name: hints[field.name] for field in fields(request)}  # type: ignore[arg-type]
    app.command(name, help=inspect.getdoc(request))(run)


def _parameter(field: Field[Any], annotation: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    if field.default_factory is not MISSING:
        default = field.default_factory()
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
