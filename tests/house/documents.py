"""Rules of the documents: every page is reachable, and everything a person can set, type or meet is told."""

import ast
import re
from pathlib import Path

import yaml

from tests.house.source import modules

__all__ = ["changelog_closed", "errors_untold", "item_codes_unknown", "nav_broken", "pages_unlisted", "scripts_untold"]


def pages_unlisted(root: Path) -> list[str]:
    """Pages under ``docs`` that the navigation does not list."""
    listed = set(_listed(root))
    found = (page.relative_to(root / "docs").as_posix() for page in sorted((root / "docs").rglob("*.md")))
    return [f"docs/{page} is not in mkdocs.yml" for page in found if page not in listed]


def nav_broken(root: Path) -> list[str]:
    """Pages that the navigation lists and that are not there."""
    return [f"mkdocs.yml lists {page}" for page in _listed(root) if not (root / "docs" / page).is_file()]


def changelog_closed(root: Path) -> list[str]:
    """A change log without a place for the next change."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    return [] if re.search(r"^## \[Unreleased\]$", text, re.MULTILINE) else ["CHANGELOG.md has no [Unreleased] part"]


def errors_untold(root: Path) -> list[str]:
    """Error classes and their codes that ``docs/errors.md`` does not tell."""
    page = (root / "docs/errors.md").read_text("utf-8")
    tree = ast.parse((root / "src/commonspace/core/errors.py").read_text("utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    codes = [_code(node) for node in classes]
    wanted = [node.name for node in classes] + [code for code in codes if code]
    return [f"docs/errors.md does not tell `{name}`" for name in wanted if f"`{name}`" not in page]


def item_codes_unknown(root: Path) -> list[str]:
    """Codes that an ``ItemError`` is raised with and that ``ITEM_CODES`` does not explain."""
    limits = (root / "src/commonspace/ingest/limits.py").read_text("utf-8")
    known = re.findall(r'^    "(\w+)": "', limits, re.MULTILINE)
    calls = (
        (module.place, node)
        for module in modules(root, ("src",))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ItemError" and node.args
    )
    used = [(f"{place}:{node.lineno}", _text(node.args[0])) for place, node in calls]
    return [f"{place} uses {code}, which is not in ITEM_CODES" for place, code in used if code and code not in known]


def scripts_untold(root: Path) -> list[str]:
    """Benchmarks that can be run and whose figures have no place in ``docs/benchmarks.md``."""
    page = (root / "docs/benchmarks.md").read_text("utf-8")
    scripts = [module for module in modules(root, ("benchmarks",)) if '__name__ == "__main__"' in module.text]
    return [f"docs/benchmarks.md lacks {each.place}" for each in scripts if each.place not in page]


def _listed(root: Path) -> list[str]:
    settings = yaml.safe_load((root / "mkdocs.yml").read_text("utf-8"))
    return _leaves(settings["nav"])


def _leaves(node: object) -> list[str]:
    match node:
        case str():
            return [node]
        case list():
            return [leaf for each in node for leaf in _leaves(each)]
        case dict():
            return [leaf for each in node.values() for leaf in _leaves(each)]
    return []


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _code(node: ast.ClassDef) -> str | None:
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == "code" and each.value is not None:
            return str(ast.literal_eval(each.value))
    return None
