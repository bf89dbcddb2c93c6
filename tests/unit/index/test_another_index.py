"""Over many rows an index is made anew beside the one that answers: no search waits for it, and no answer is wrong."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from time import monotonic, sleep

import pytest

from commonspace.index import kinds, refined, resident
from commonspace.index.ivf import InvertedLists
from commonspace.index.kinds import Choice, Kind
from commonspace.index.refined import RefinedIndex
from commonspace.index.resident import Resident
from commonspace.index.scan import CodeScan
from commonspace.index.store import Store
from commonspace.index.tune import build
from tests.unit.index.large import NUM_ITEMS, QUERIES, SEGMENTS_EACH, big_entries, fill
from tests.unit.index.making import SPACE, found

LISTS = Choice(kind=Kind.IVF_SQ8)
WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("many") / "s")


@pytest.fixture
def path(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store whose rows are many, because the bound is low."""
    monkeypatch.setattr(refined, "ASIDE_ROWS", 1_000)
    monkeypatch.setattr(resident, "ASIDE_ROWS", 1_000)
    return Path(shutil.copytree(template, tmp_path / "s"))


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Lists are not built before this is set."""
    let_go, real = Event(), InvertedLists.build

    def build_later(self: InvertedLists, rows: object) -> None:
        assert let_go.wait(WAIT_SECONDS)
        real(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(InvertedLists, "build", build_later)
    yield let_go
    let_go.set()


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Set when another resident is ready to take over."""
    ready, real, times = Event(), Resident.prepare, [0]

    def prepare(self: Resident) -> None:
        real(self)
        times[0] += 1
        if times[0] % 2 == 0:
            ready.set()

    monkeypatch.setattr(Resident, "prepare", prepare)
    return ready


def shown(store: Store) -> Resident:
    return store._mirror._resident  # noqa: SLF001  nothing else tells which one answers


def taken_over(store: Store, before: Resident) -> Resident:
    """The resident that came after."""
    end = monotonic() + WAIT_SECONDS
    while monotonic() < end:
        if shown(store) is not before:
            return shown(store)
        sleep(0.005)
    raise AssertionError("nothing took over")


def test_searches_are_answered_while_another_index_is_made_and_then_by_it(
    path: Path, held: Event, prepared: Event
) -> None:
    with Store.open(path) as store:
        first = [found(hits) for hits in store.search(QUERIES, k=8)]
        before = shown(store)
        store.choose_index(LISTS)

        assert [found(hits) for hits in store.search(QUERIES, k=8)] == first
        (late,) = big_entries(first=NUM_ITEMS, count=1)
        store.put([late])
        assert {hit.item.id for hit in store.search(late.vectors[:1], k=1)[0]} == {late.item.id}
        assert shown(store) is before
        held.set()
        assert prepared.wait(WAIT_SECONDS)
        after = taken_over(store, before)

        assert after.choice == LISTS
        assert not after.is_due
        assert len(after.columns.ids) == (NUM_ITEMS + 1) * SEGMENTS_EACH
        assert {hit.item.id for hit in store.search(late.vectors[:1], k=1)[0]} == {late.item.id}


@pytest.mark.parametrize("num_gone", [NUM_ITEMS // 2, NUM_ITEMS - 1])
def test_rows_that_are_gone_are_left_behind_by_another(path: Path, prepared: Event, num_gone: int) -> None:
    """Though those that are left be few."""
    with Store.open(path) as store:
        store.choose_index(Choice(kind=Kind.SCAN))
        store.search(QUERIES, k=8)
        before = shown(store)
        gone = [entry.item.id for entry in big_entries()[:num_gone]]
        store.remove(gone)
        assert before is shown(store)

        for hits in store.search(QUERIES, k=8):
            assert not {hit.item.id for hit in hits} & set(gone)
        assert prepared.wait(WAIT_SECONDS)
        after = taken_over(store, before)

        index = after.index
        assert isinstance(index, RefinedIndex)
        assert len(index._rows) == len(index.ids) == (NUM_ITEMS - len(gone)) * SEGMENTS_EACH  # noqa: SLF001
        for hits in store.search(QUERIES, k=8):
            assert not {hit.item.id for hit in hits} & set(gone)


def test_where_it_cannot_be_made_the_old_one_goes_on_and_that_is_told_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = Event()

    def fail(*_: object) -> None:
        failed.set()
        raise RuntimeError("no memory for lists")

    with Store.open(path) as store, caplog.at_level(logging.WARNING):
        before = [found(hits) for hits in store.search(QUERIES, k=8)]
        monkeypatch.setattr(InvertedLists, "build", fail)
        store.choose_index(LISTS)

        store.search(QUERIES, k=8)
        assert failed.wait(WAIT_SECONDS)
        for _ in range(3):
            assert [found(hits) for hits in store.search(QUERIES, k=8)] == before

    assert [record.message for record in caplog.records if "no memory for lists" in record.message]
    assert len(caplog.records) == 1


def test_a_store_is_closed_although_an_index_is_being_made(path: Path, held: Event, prepared: Event) -> None:
    store = Store.open(path)
    store.search(QUERIES, k=8)
    store.choose_index(LISTS)
    store.search(QUERIES, k=8)
    before = shown(store)

    store.close()
    held.set()

    assert shown(store) is before
    assert not prepared.wait(1)


def test_an_opening_does_not_wait_for_what_takes_long_and_is_not_there(path: Path, held: Event) -> None:
    with Store.open(path) as store:
        store.choose_index(LISTS)
        store.snapshot()

    with Store.open(path, writable=False) as store:
        assert all(len(hits) == 8 for hits in store.search(QUERIES, k=8))
        before = shown(store)
        assert before.choice == Choice(kind=Kind.SCAN)
        held.set()
        assert taken_over(store, before).choice == LISTS

    with Store.open(path, writable=False) as store:
        store.search(QUERIES, k=8)
        assert shown(store).choice == LISTS  # from its file


def test_what_tuning_has_built_is_there_at_the_next_opening(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(path) as store:
        store.choose_index(LISTS)
        store.snapshot()
    build(path, SPACE.dimension, None)
    monkeypatch.setattr(InvertedLists, "build", None)
    monkeypatch.setattr(CodeScan, "build", None)

    with Store.open(path, writable=False) as store:
        assert all(len(hits) == 8 for hits in store.search(QUERIES, k=8))
        assert shown(store).choice == LISTS


def test_growing_past_a_bound_keeps_nobody_waiting(path: Path, monkeypatch: pytest.MonkeyPatch, held: Event) -> None:
    monkeypatch.setattr(kinds, "FLAT_ROWS", 500)
    monkeypatch.setattr(kinds, "SCAN_ROWS", NUM_ITEMS * SEGMENTS_EACH)
    with Store.open(path) as store:
        store.choose_index(None)
        store.search(QUERIES, k=8)
        before = shown(store)
        assert before.choice.kind is Kind.SCAN
        store.put(big_entries(first=NUM_ITEMS, count=1))

        assert all(len(hits) == 8 for hits in store.search(QUERIES, k=8))
        assert shown(store) is before
        held.set()

        assert taken_over(store, before).choice.kind is Kind.IVF_RABITQ
