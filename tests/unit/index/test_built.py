"""What was built over the vectors is kept in a file, checked when it is read, and never needed."""

import mmap
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.built import built_path
from commonspace.index.exact import ExactIndex
from commonspace.index.held import HeldRows
from commonspace.index.kinds import Choice, Kind
from commonspace.index.scan import CodeScan
from commonspace.index.store import Store
from tests.unit.index.large import NUM_ITEMS, QUERIES, SCAN, SEGMENTS_EACH, answers, big_entries, fill
from tests.unit.index.making import SPACE, found


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("large") / "s")


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "s"))


def built_of(path: Path) -> Path:
    return built_path(path, "scan", biased=False)


def no_building(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object) -> None:
        raise AssertionError("it was built again")

    monkeypatch.setattr(CodeScan, "build", build)


def test_what_was_built_is_written_once_and_not_built_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = answers(path)
    assert built_of(path).exists()
    no_building(monkeypatch)

    assert answers(path) == first


def test_the_test_for_building_can_fail(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_building(monkeypatch)

    with pytest.raises(AssertionError, match="built again"):
        answers(path)


def test_after_more_rows_and_a_new_snapshot_it_is_only_extended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(path)
    with Store.open(path) as store:
        store.put(big_entries(first=NUM_ITEMS, count=1))
        store.snapshot()
    no_building(monkeypatch)

    assert answers(path) == answers(path, exactly=True)


def test_removals_make_it_stale(path: Path) -> None:
    answers(path)
    with Store.open(path) as store:
        store.remove([big_entries()[0].item.id])
        store.snapshot()
    stale = built_of(path).read_bytes()

    assert answers(path) == answers(path, exactly=True)
    assert built_of(path).read_bytes() != stale


def test_another_stores_structure_is_not_believed(path: Path, tmp_path: Path) -> None:
    """Its ids are the same, its vectors are not: its candidates would be wrong."""
    with Store.create(tmp_path / "other", SPACE) as store:
        store.put(big_entries(first=50))
        store.choose_index(SCAN)
        store.snapshot()
    answers(tmp_path / "other")
    (path / "index").mkdir(exist_ok=True)
    shutil.copy(built_of(tmp_path / "other"), built_of(path))

    assert answers(path) == answers(path, exactly=True)


@pytest.mark.parametrize("kind", [Kind.SCAN, Kind.IVF_SQ8])
def test_twelve_damaged_structures_are_noticed_and_built_anew(path: Path, kind: Kind) -> None:
    """FAISS would crash on some of these."""
    with Store.open(path) as store:
        store.choose_index(Choice(kind=kind))
        store.snapshot()
    right, draw = answers(path), random.Random(0)
    file = built_path(path, kind.value, biased=False)
    whole = file.read_bytes()
    for number in range(12):
        damaged = bytearray(whole)
        place = draw.randrange(len(damaged)) if number % 2 else draw.randrange(400)
        match number % 4:
            case 0 | 1:
                damaged[place] ^= 1 << draw.randrange(8)
            case 2:
                del damaged[place:]
            case 3:
                damaged[place:place] = draw.randbytes(draw.choice([1, 8, 113]))
        file.write_bytes(damaged)

        assert answers(path) == right, f"mutant {number}"


def test_a_folder_that_may_not_be_written_is_searched_all_the_same(path: Path) -> None:
    right = answers(path)
    built_of(path).unlink()
    built_of(path).with_suffix(".draft").mkdir()

    assert answers(path) == right
    assert not built_of(path).exists()


def test_biased_structures_have_a_file_of_their_own(path: Path) -> None:
    def bias(tower: Modality, rows: Vectors) -> Vectors:
        del tower
        return (0.3 * rows[:, 0]).astype(np.float32)

    answers(path)
    for _ in range(2):
        with Store.open(path, writable=False, bias=bias) as store:
            got = [found(hits) for hits in store.search(QUERIES, k=8)]
        with Store.open(path, writable=False, bias=bias, make_index=ExactIndex) as store:
            assert got == [found(hits) for hits in store.search(QUERIES, k=8)]

    assert built_path(path, "scan", biased=True).exists()


def test_what_was_built_of_a_kind_given_up_is_removed(path: Path) -> None:
    answers(path)
    with Store.open(path) as store:
        store.choose_index(Choice(kind=Kind.BINARY))

    answers(path)

    assert [file.name for file in (path / "index").glob("*.built")] == ["binary.built"]


def test_the_snapshots_vectors_are_mapped_and_not_copied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[Vectors] = []
    real = HeldRows.add

    def watched(held: HeldRows, rows: Vectors) -> None:
        added.append(rows)
        real(held, rows)

    monkeypatch.setattr(HeldRows, "add", watched)
    with Store.open(path, writable=False) as store:
        store.search(QUERIES, k=1)

    bottom: Any = added[0]
    while isinstance(bottom.base, np.ndarray):
        bottom = bottom.base
    assert [len(rows) for rows in added] == [NUM_ITEMS * SEGMENTS_EACH]
    assert isinstance(bottom.base, memoryview)
    assert isinstance(bottom.base.obj, mmap.mmap)
    assert not added[0].flags.writeable
