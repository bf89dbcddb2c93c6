"""Importing the package and asking for help stay light, and imports point one way."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = "import sys, json; before = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
HELP = """
import contextlib, io
from commonspace.shell.cli import main
sys.argv = ["commonspace", "--help"]
with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
    main()
assert "search" in said.getvalue()
"""
HEAVY = {
    "torch",
    "openvino",
    "onnxruntime",
    "faiss",
    "PIL",
    "av",
    "soundfile",
    "soxr",
    "pypdfium2",
    "tokenizers",
    "numpy",
}


def loaded_by(code: str) -> set[str]:
    """The top-level packages, standard library aside, that some code loads in a fresh interpreter."""
    command = [sys.executable, "-c", LOADED.format(code=code)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT / "src", timeout=60)
    names = {name.partition(".")[0] for name in json.loads(answer.stdout)}
    return names - set(sys.stdlib_module_names)


def test_importing_commonspace_loads_nothing_but_itself() -> None:
    assert loaded_by("import commonspace") == {"commonspace"}


def test_asking_for_help_loads_nothing_heavy() -> None:
    assert loaded_by(HELP) & HEAVY == set()


def test_a_heavy_import_is_noticed() -> None:
    assert "numpy" in loaded_by("import commonspace; commonspace.Audio") & HEAVY


def test_the_public_names_are_there() -> None:
    import commonspace

    assert [name for name in commonspace.__all__ if not hasattr(commonspace, name)] == []
    assert set(commonspace.__all__) <= set(dir(commonspace))


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    """Hold a tree against this project's import contracts."""
    shutil.copy(ROOT / "pyproject.toml", tree)
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    environment = {"PYTHONPATH": str(tree / "src"), "PATH": "", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tree, env=environment, timeout=60)


def tiny_tree(folder: Path, extra: dict[str, str]) -> Path:
    """The package's folders with nothing in them but some extra lines."""
    package = folder / "src/commonspace"
    layers = ("shell", "serve", "apps", "evaluate", "retrieve", "align", "index", "encode", "ingest", "core")
    for place in ("__init__.py", *(f"{layer}/__init__.py" for layer in layers), *extra):
        (package / place).parent.mkdir(parents=True, exist_ok=True)
        (package / place).write_text(extra.get(place, ""), "utf-8")
    return folder


def test_layers_in_order_are_kept(tmp_path: Path) -> None:
    answer = lint_imports(tiny_tree(tmp_path, {"index/scan.py": "import commonspace.core"}))

    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    ("extra", "broken"),
    [
        ({"core/item.py": "import commonspace.ingest"}, "imports point one way BROKEN"),
        ({"retrieve/search.py": "import commonspace.apps"}, "imports point one way BROKEN"),
        ({"gossip/__init__.py": ""}, "imports point one way BROKEN"),
        ({"index/store.py": "import commonspace.ingest"}, "index knows vectors, never models BROKEN"),
        ({"index/store.py": "import commonspace.encode"}, "index knows vectors, never models BROKEN"),
    ],
    ids=["core > ingest", "retrieve > apps", "a folder nobody placed", "index > ingest", "index > encode"],
)
def test_a_wrong_import_is_noticed(extra: dict[str, str], broken: str, tmp_path: Path) -> None:
    answer = lint_imports(tiny_tree(tmp_path, extra))

    assert answer.returncode == 1
    assert broken in answer.stdout
