"""Rules of what a module offers: ``__all__`` is there, is true, is documented, and is all that others take."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import PRODUCT, Module, modules

__all__ = ["exports_missing", "exports_untrue", "undocumented", "unexported_imports"]

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def exports_missing(root: Path) -> list[str]:
    """Modules of the product that define something public and have no ``__all__``."""
    return [
        f"{module.place} defines {', '.join(public)} without __all__"
        for module in modules(root, PRODUCT)
        if (public := [each.name for each in definitions(module)]) and exported(module) is None
    ]


def exports_untrue(root: Path) -> list[str]:
    """Names in ``__all__`` that the module does not bind."""
    return [
        f"{module.place} exports {name}, which it lacks"
        for module in modules(root, PRODUCT)
        for name in exported(module) or []
        if name not in bound(module.tree.body)
    ]


def undocumented(root: Path) -> list[str]:
    """Public functions and classes without a docstring."""
    return [
        f"{module.place}:{each.lineno} {each.name} has no docstring"
        for module in modules(root, PRODUCT)
        for each in definitions(module)
        if not ast.get_docstring(each)
    ]


def unexported_imports(root: Path) -> list[str]:
    """Names that one module of the product takes from another, which does not offer them."""
    offered = {module.name: exported(module) for module in modules(root, PRODUCT)}
    wrong = []
    for module in modules(root, PRODUCT):
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ImportFrom) or node.module not in offered:
                continue
            taken = [each.name for each in node.names if f"{node.module}.{each.name}" not in offered]
            unoffered = sorted(set(taken) - set(offered[node.module] or []))
            wrong += [f"{module.place}:{node.lineno} takes {name} from {node.module}" for name in unoffered]
    return wrong


def definitions(module: Module) -> list[Definition]:
    """The module's public functions and classes."""
    return [node for node in module.tree.body if isinstance(node, Definition) and not node.name.startswith("_")]


def exported(module: Module) -> list[str] | None:
    """The names in ``__all__``; None when there is no such list."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return None


def bound(body: list[ast.stmt]) -> set[str]:
    """The names that statements bind at the top of a module, under ``if`` and ``try`` too."""
    return {name for statement in body for name in _bound(statement)}


def _bound(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Import() | ast.ImportFrom():
            yield from (each.asname or each.name.split(".")[0] for each in statement.names)
        case ast.Assign(targets=targets):
            yield from (each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.If():
            yield from bound(statement.body + statement.orelse)
        case ast.Try():
            yield from bound(statement.body + statement.orelse + [s for h in statement.handlers for s in h.body])
