"""The store picks its index: by what it was told, else by size."""

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.index import kinds, resident
from commonspace.index.flat import FlatIndex
from commonspace.index.held import HeldRows
from commonspace.index.index import Index
from commonspace.index.ivf import InvertedLists
from commonspace.index.kinds import Choice, Kind, automatic, made
from commonspace.index.records import Entry, StoredSegment
from commonspace.index.store import Store
from tests.unit.index.large import NUM_ITEMS, QUERIES, SCAN, answers, big_entries, fill
from tests.unit.index.making import SPACE, entry, found, vectors


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("large") / "s")


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "s"))


@pytest.fixture
def picked(monkeypatch: pytest.MonkeyPatch) -> list[Choice]:
    """What indexes were made of, in order."""
    choices: list[Choice] = []

    def watched(choice: Choice, dimension: int) -> Index:
        choices.append(choice)
        return made(choice, dimension)

    monkeypatch.setattr(resident, "made", watched)
    return choices


def test_size_picks_flat_then_scan_then_inverted_lists() -> None:
    assert [automatic(count).kind for count in (0, 20_000, 20_001, 1_000_000, 1_000_001)] == [
        Kind.FLAT,
        Kind.FLAT,
        Kind.SCAN,
        Kind.SCAN,
        Kind.IVF_RABITQ,
    ]


def test_a_store_whose_size_swings_about_a_bound_keeps_its_index() -> None:
    assert automatic(15_000, Kind.SCAN).kind is Kind.SCAN
    assert automatic(9_000, Kind.SCAN).kind is Kind.FLAT
    assert automatic(700_000, Kind.IVF_RABITQ).kind is Kind.IVF_RABITQ
    assert automatic(400_000, Kind.IVF_RABITQ).kind is Kind.SCAN


def test_scan_is_flat_where_its_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "scan_is_here", lambda: False)

    assert isinstance(made(SCAN, 24), FlatIndex)


@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_a_knob_that_makes_no_sense_is_refused(value: object) -> None:
    with pytest.raises(UsageError):
        Choice(kind=Kind.HNSW, effort=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_answers_through_the_store_nearly_as_the_exact_one(path: Path, kind: Kind) -> None:
    right = answers(path, exactly=True)
    with Store.open(path) as store:
        store.choose_index(Choice(kind=kind))
        assert store.choice == Choice(kind=kind)

    got = [answers(path), answers(path)]

    assert got[0] == got[1]
    shares = [len(set(one) & set(other)) / len(one) for one, other in zip(right, got[0], strict=True)]
    assert np.mean(shares) >= 0.85  # random vectors in 24 dimensions have no near ones
    assert [len(hits) for hits in got[0]] == [8] * len(QUERIES)


def test_best_of_item_is_filled_although_one_item_owns_the_first_places(path: Path) -> None:
    with Store.open(path, writable=False) as store:
        hits = store.search(QUERIES, k=NUM_ITEMS, best_of_item=True)

    assert [len({hit.item.id for hit in row}) for row in hits] == [NUM_ITEMS] * len(QUERIES)


def test_a_choice_holds_for_readers_that_are_open_already_and_can_be_taken_back(
    path: Path, picked: list[Choice]
) -> None:
    with Store.open(path, writable=False) as reader, Store.open(path) as writer:
        reader.search(QUERIES, k=1)
        assert picked[-1] == SCAN
        writer.choose_index(Choice(kind=Kind.BINARY, depth=50))
        reader.search(QUERIES, k=1)
        assert picked[-1] == Choice(kind=Kind.BINARY, depth=50)
        writer.choose_index(None)
        reader.search(QUERIES, k=1)

        assert writer.choice is None
        assert picked[-1] == Choice(kind=Kind.FLAT)


def test_growing_past_a_bound_changes_the_index_while_the_store_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picked: list[Choice]
) -> None:
    monkeypatch.setattr(kinds, "FLAT_ROWS", 1_400)
    with Store.create(tmp_path / "s", SPACE) as store:
        store.put(big_entries(count=2))
        store.search(QUERIES, k=1)
        assert picked[-1] == Choice(kind=Kind.FLAT)
        store.put(big_entries(first=2, count=2))

        before = [found(hits) for hits in store.search(QUERIES, k=8)]

        assert picked[-1] == SCAN
        assert store.verify() == []
    assert before == answers(tmp_path / "s", exactly=True)


def test_a_choice_that_no_version_wrote_is_ignored(path: Path) -> None:
    connection = sqlite3.connect(path / "store.sqlite3")
    connection.execute("UPDATE about SET value = '{\"kind\": \"crystal\"}' WHERE key = 'index'")
    connection.commit()
    connection.close()

    with Store.open(path, writable=False) as store:
        assert store.choice is None
        assert [found(hits) for hits in store.search(QUERIES, k=8)] == answers(path, exactly=True)


def test_lists_are_built_when_enough_rows_are_there_and_anew_when_there_are_twice_as_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    real = InvertedLists.build

    def build(lists: InvertedLists, rows: HeldRows) -> None:
        sizes.append(len(rows))
        real(lists, rows)

    monkeypatch.setattr(InvertedLists, "build", build)
    index, rows = made(Choice(kind=Kind.IVF_SQ8), 24), vectors(6_000)
    for start in range(0, 6_000, 1_000):
        index.add(np.arange(start, start + 1_000), rows[start : start + 1_000])
        index.search(QUERIES, 3, None)

    assert sizes == [5_000]
    for start in range(6_000, 11_000, 1_000):
        index.add(np.arange(start, start + 1_000), vectors(1_000, seed=start))
        index.search(QUERIES, 3, None)
    assert sizes == [5_000, 11_000]


def test_an_item_of_two_towers_is_found_by_either(path: Path) -> None:
    both = Entry(
        item=entry("file:///both").item,
        segments=(StoredSegment(modality=Modality.IMAGE), StoredSegment(modality=Modality.TEXT)),
        vectors=QUERIES[:2],
    )
    with Store.open(path) as store:
        store.put([both])
        by_image = store.search(QUERIES[:1], k=1, towers={Modality.IMAGE})[0]
        by_text = store.search(QUERIES[:1], k=1, towers={Modality.TEXT})[0]

    assert [hit.item.uri for hit in by_image] == ["file:///both"]
    assert by_image[0].score > by_text[0].score
