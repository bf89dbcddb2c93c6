"""The Python files of a tree, parsed, for rules to look at."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import final

__all__ = ["EVERYWHERE", "PRODUCT", "Function", "Module", "functions", "modules"]

PRODUCT = ("src",)
EVERYWHERE = ("src", "recipes", "samples", "benchmarks", "tests")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One file: ``place`` is its path within the tree, ``name`` its dotted name below ``src``."""

    place: str
    name: str
    text: str
    tree: ast.Module


def modules(root: Path, folders: tuple[str, ...] = EVERYWHERE) -> Iterator[Module]:
    """Every Python file under some folders of a tree, in order; folders that are not there hold none."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            place = path.relative_to(root)
            parts = place.with_suffix("").parts[1 if folder == "src" else 0 :]
            name = ".".join(parts).removesuffix(".__init__")
            text = path.read_text("utf-8")
            yield Module(place=place.as_posix(), name=name, text=text, tree=_parsed(text))


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def functions(module: Module) -> Iterator[Function]:
    """Every function and method of a module, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield node
