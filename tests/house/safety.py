"""Rules of what shipped code never does: run data as code, fetch, or treat a person's mistake as a bug."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

from tests.house.source import PRODUCT, modules

__all__ = [
    "asserts",
    "decoders_at_the_door",
    "machine_paths",
    "network_imports",
    "stray_errors",
    "unsafe_calls",
    "unsafe_imports",
]

RUNS_DATA = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
REACHES_OUT = {
    "urllib.request",
    "http.client",
    "ftplib",
    "smtplib",
    "requests",
    "httpx",
    "httpx2",
    "httpcore",
    "aiohttp",
    "urllib3",
}
MAY_REACH_OUT = {
    "src/commonspace/encode/remote/call.py",
    "src/commonspace/serve/fetch.py",
    "src/commonspace/shell/client/pooled.py",
}
"""Modules whose very purpose is to speak to an address that a person named."""
DECODERS = {"PIL", "av", "soundfile", "pypdfium2", "pyarrow"}
DOOR = "src/commonspace/shell/api/"
UNSAFE_CALLS = {"eval", "exec", "os.system", "os.popen", "torch.load", "yaml.load", "yaml.unsafe_load"}
UNSAFE_FLAGS = {"allow_pickle", "trust_remote_code", "shell"}
ERRORS = "src/commonspace/core/errors.py"
MACHINE_PATH = re.compile(r"/(?:home|root|Users)/\w|/tmp/\w+/")
TEXT = {".cfg", ".css", ".html", ".ini", ".js", ".json", ".md", ".py", ".sh", ".toml", ".tsv", ".yaml", ".yml"}
NOT_OURS = {".git", ".venv", "site", "build", "dist", "__pycache__", "node_modules"}


def asserts(root: Path) -> list[str]:
    """``assert`` in shipped code: gone under ``-O``, and no answer to a person's mistake."""
    return _found(root, lambda node: "assert" if isinstance(node, ast.Assert) else None)


def unsafe_imports(root: Path) -> list[str]:
    """Imports of what turns data into running code."""
    return _found(root, lambda node: next((name for name in imported(node) if name.split(".")[0] in RUNS_DATA), None))


def network_imports(root: Path) -> list[str]:
    """Imports of what fetches: nothing is downloaded or reported behind a person's back."""
    found = _found(root, lambda node: next((name for name in imported(node) if _reaches_out(name)), None))
    return [each for each in found if each.partition(":")[0] not in MAY_REACH_OUT]


def decoders_at_the_door(root: Path) -> list[str]:
    """Imports of decoders where requests come in: what strangers send is parsed in fenced processes alone."""
    found = _found(root, lambda node: next((name for name in imported(node) if name.split(".")[0] in DECODERS), None))
    return [each for each in found if each.startswith(DOOR)]


def unsafe_calls(root: Path) -> list[str]:
    """Calls that evaluate text, start a shell, or switch a loader's safety off."""
    return _found(root, _unsafe_call)


def stray_errors(root: Path) -> list[str]:
    """Public exceptions defined outside the one error tree."""
    return [
        f"{module.place}:{node.lineno} {node.name}"
        for module in modules(root, PRODUCT)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and module.place != ERRORS and not node.name.startswith("_")
        if any(ast.unparse(parent).split(".")[-1].endswith(("Error", "Exception")) for parent in node.bases)
    ]


def machine_paths(root: Path) -> list[str]:
    """Paths of somebody's own machine in the tree's text files."""
    files = (path for path in sorted(root.rglob("*")) if path.suffix in TEXT and path.is_file())
    places = ((path, path.relative_to(root)) for path in files)
    return [
        f"{place}:{number}: {found[0]}"
        for path, place in places
        if not NOT_OURS.intersection(place.parts) and not any(part.endswith("_cache") for part in place.parts)
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if (found := MACHINE_PATH.search(line))
    ]


def imported(node: ast.AST) -> list[str]:
    """The modules that an import statement names, with what it takes from them."""
    match node:
        case ast.Import():
            return [each.name for each in node.names]
        case ast.ImportFrom(module=str(module)):
            return [module, *(f"{module}.{each.name}" for each in node.names)]
    return []


def _reaches_out(name: str) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in REACHES_OUT)


def _unsafe_call(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    if (called := ast.unparse(node.func)) in UNSAFE_CALLS:
        return called
    flags = (each.arg for each in node.keywords if isinstance(each.value, ast.Constant) and each.value.value is True)
    return next((f"{called}({flag}=True)" for flag in flags if flag in UNSAFE_FLAGS), None)


def _found(root: Path, what: Callable[[ast.AST], str | None]) -> list[str]:
    return [
        f"{module.place}:{getattr(node, 'lineno', 0)} {name}"
        for module in modules(root, PRODUCT)
        for node in ast.walk(module.tree)
        if (name := what(node)) is not None
    ]
