"""Two hundred checkpoints that mean harm or are broken: refused in clear words, nothing run, nothing read outside."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from commonspace.core.errors import ModelError
from commonspace.encode import catalog
from commonspace.encode.hub.families import read_checkpoint
from commonspace.ingest.plan import Plan
from tests.hub.hostile import CASES
from tests.hub.hostile_changes import Case
from tests.hub.hostile_networks import LOADED, make_sentences
from tests.hub.small import small_clip, small_sentences

WATCHED: list[list[str]] = []
"""Where the audit hook writes while a test watches: Python cannot take a hook away again."""


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if (
        WATCHED
        and event in {"open", "os.listdir", "os.scandir"}
        and isinstance(arguments[0], str | bytes | os.PathLike)
    ):
        WATCHED[-1].append(os.path.realpath(os.fsdecode(arguments[0])))
    elif WATCHED and event in {"exec", "compile", "import"} and "hostile_own" in str(arguments[0]):
        WATCHED[-1].append(f"ran {arguments[0]}")


@contextmanager
def watching() -> Iterator[list[str]]:
    """Everything that is opened or listed while the block runs, by its real path."""
    seen: list[str] = []
    WATCHED.append(seen)
    try:
        yield seen
    finally:
        WATCHED.pop()


@pytest.fixture(scope="module", autouse=True)
def _hook() -> None:
    sys.addaudithook(_watch)


def prepared(case: Case, home: Path) -> tuple[Path, Path]:
    """The hostile folder, and one beside it that it has no business with."""
    folder, outside = home / "models" / "model", home / "outside"
    folder.mkdir(parents=True)
    outside.mkdir()
    small_clip(outside)
    (outside / "secret.json").write_text('{"model_type": "clip"}')
    {"clip": small_clip, "sentences": small_sentences, "empty": lambda path: path}[case.base](folder)
    case.change(folder, outside)
    return folder, outside


def test_there_are_two_hundred_cases_each_of_its_own_name() -> None:
    names = [case.name for case in (*CASES, *LOADED)]

    assert len(names) == len(set(names)) >= 200


@pytest.mark.parametrize("base", [small_clip, small_sentences], ids=["clip", "sentences"])
def test_what_the_cases_start_from_is_fine(base: Any, tmp_path: Path) -> None:
    assert read_checkpoint(base(tmp_path)).space.dimension > 0


@pytest.mark.timeout(20)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_refused_before_any_library_sees_it(case: Case, tmp_path: Path) -> None:
    folder, outside = prepared(case, tmp_path)

    with watching() as seen, pytest.raises(ModelError) as refused:
        catalog.load(folder, Plan())

    assert refused.value.cause
    assert refused.value.fix
    assert [path for path in seen if path.startswith((str(outside), "ran "))] == []
    assert not (tmp_path / "ran").exists()


def test_a_file_outside_is_noticed_by_the_watch(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")

    with watching() as seen:
        (tmp_path / "secret").read_text()

    assert seen == [os.path.realpath(tmp_path / "secret")]


def towers_of(folder: Path) -> None:
    """Load every network of a checkpoint."""
    embedder = catalog.load(folder, Plan())
    for modality in embedder.space.towers:
        embedder.tower(modality)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from tests.hub.checkpoints import make

    home = tmp_path_factory.mktemp("originals")
    return {"clip": make("clip", home / "clip"), "sentences": make_sentences(home / "sentences")}


@pytest.mark.timeout(60)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("base", ["clip", "sentences"])
def test_the_real_ones_load(base: str, originals: dict[str, Path]) -> None:
    embedder = catalog.load(originals[base], Plan())

    assert embedder.embed(["a dog"]).shape == (1, embedder.space.dimension)


@pytest.mark.timeout(60)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", LOADED, ids=lambda case: case.name)
def test_a_network_that_is_not_what_it_says_is_refused(case: Case, originals: dict[str, Path], tmp_path: Path) -> None:
    from shutil import copytree

    folder, outside = tmp_path / "models" / "model", tmp_path / "outside"
    copytree(originals[case.base], folder)
    outside.mkdir()
    case.change(folder, outside)

    with watching() as seen, pytest.raises(ModelError) as refused:
        towers_of(folder)

    assert refused.value.fix
    assert [path for path in seen if path.startswith((str(outside), "ran "))] == []
    assert not (tmp_path / "ran").exists()
