"""Rules of size and naming: the rot is in the tail, so the tail is what they limit."""

import ast
from pathlib import Path

from tests.house.source import Function, functions, modules

__all__ = ["first_lines_missing", "long_files", "long_functions", "vague_names", "wide_functions"]

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_PARAMETERS = 6
VAGUE = {"util", "helper", "common", "misc", "base", "manager", "service", "handler"}


def long_files(root: Path) -> list[str]:
    """Files of more than 300 lines."""
    counted = [(module.place, len(module.text.splitlines())) for module in modules(root)]
    return [f"{place}: {lines} lines" for place, lines in counted if lines > MAX_FILE_LINES]


def long_functions(root: Path) -> list[str]:
    """Functions of more than 40 lines, their docstring not counted."""
    return [
        f"{module.place}:{function.lineno} {function.name}: {length(function)} lines"
        for module in modules(root)
        for function in functions(module)
        if length(function) > MAX_FUNCTION_LINES
    ]


def length(function: Function) -> int:
    """A function's lines from ``def`` to its end, less its docstring's."""
    first = function.body[0]
    docstring = 0
    if ast.get_docstring(function) is not None:
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


def wide_functions(root: Path) -> list[str]:
    """Functions of more than 6 parameters; ``self`` and ``cls`` are none."""
    return [
        f"{module.place}:{function.lineno} {function.name}: {len(parameters(function))} parameters"
        for module in modules(root)
        for function in functions(module)
        if len(parameters(function)) > MAX_PARAMETERS
    ]


def parameters(function: Function) -> list[str]:
    """The names of a function's parameters."""
    listed = function.args
    named = [*listed.posonlyargs, *listed.args, *listed.kwonlyargs, listed.vararg, listed.kwarg]
    names = [each.arg for each in named if each is not None]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def vague_names(root: Path) -> list[str]:
    """Modules and folders whose name does not say what is in them."""
    return [
        f"{module.place}: '{part}' says nothing"
        for module in modules(root)
        for part in module.name.lower().replace("_", ".").split(".")
        if part in VAGUE or part.removesuffix("s") in VAGUE
    ]


def first_lines_missing(root: Path) -> list[str]:
    """Modules whose docstring does not begin with one line, a sentence, that says their idea; empty ones need none."""
    ends = (".", "?", ":")
    told = [(each.place, ast.get_docstring(each.tree) or "") for each in modules(root) if each.tree.body]
    return [place for place, docstring in told if not docstring.split("\n")[0].endswith(ends)]
