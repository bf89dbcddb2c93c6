"""Hits are read once for as long as the store stays as it is, and never longer; from a file where there is one."""

import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from commonspace.core.item import Region, Span
from commonspace.index import recent_hits
from commonspace.index.hit_file import MOST_RECORD_BYTES, hit_file_path
from commonspace.index.records import Entry, SegmentHit
from commonspace.index.schema import DATABASE_NAME
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, entry, found, vectors


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "s", SPACE)
    store.put([entry(f"file:///{number}", 2, seed=number, text="heron") for number in range(20)])
    return store


def test_the_same_search_again_gives_the_same_hits(store: Store) -> None:
    first = store.search(vectors(2, seed=1), k=9)
    assert store.search(vectors(2, seed=1), k=9) == first


def test_a_change_of_an_item_is_seen_by_the_next_search(store: Store) -> None:
    (before,) = store.search(vectors(1, seed=1), k=1)
    old = store.entry(before[0].item.id)
    assert old is not None
    store.put([replace(old, item=replace(old.item, name="another name"))])
    (named,) = store.search(vectors(1, seed=1), k=1)
    store.touch({before[0].item.id: 77})
    (touched,) = store.search(vectors(1, seed=1), k=1)

    assert (named[0].item.name, touched[0].item.modified_ns) == ("another name", 77)


def test_more_hits_than_are_kept_are_right_all_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_hits, "MOST_SEGMENTS", 3)
    expected = {seed: found(store.search(vectors(1, seed=seed), k=5)[0]) for seed in range(9)}
    for seed in (0, 8, 4, 4, 1, 0):
        assert found(store.search(vectors(1, seed=seed), k=5)[0]) == expected[seed]


ODD: dict[str, Entry] = {
    "plain": entry("file:///plain", 3),
    "no text, no span": replace(
        (bare := entry("file:///bare")), segments=(replace(bare.segments[0], text=None, span=None),)
    ),
    "boxes on a page": replace(
        (boxed := entry("file:///boxed")),
        segments=(replace(boxed.segments[0], span=Span(page=2, regions=(Region.within(0.1, 0.25, 1, 1),))),),
    ),
    "a large whole number": entry("file:///large", metadata={"n": 2**70, "f": 1e300, "t": True, "one": 1.0}),
    "a name that is no text": entry("file:///odd", name="\udcff.txt"),
    "a long text": entry("file:///long", text="heron " * MOST_RECORD_BYTES),
    "other scripts": entry("file:///script", name="\u9dfa \U0001f426", metadata={"\u00e9": "\ud83d"}),
    "a child": entry("file:///child", parent=entry("file:///plain").item.id, modified_ns=None),
}


def whole(path: Path) -> list[list[SegmentHit]]:
    with Store.open(path, writable=False) as store:
        return store.search(vectors(4, seed=5), k=30)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A closed store with a snapshot of odd items and plain ones, with a gap among its segments."""
    with Store.create(tmp_path / "w", SPACE) as store:
        store.put([*ODD.values(), *(entry(f"file:///{number}") for number in range(9))])
        store.remove([entry("file:///4").item.id])
        store.snapshot()
    return tmp_path / "w"


def test_hits_from_the_file_are_those_of_the_database(written: Path) -> None:
    told = whole(written)
    hit_file_path(written).unlink()

    assert told == whole(written)
    assert {hit.item.uri for hit in told[0]} >= {odd.item.uri for odd in ODD.values()}
    assert [repr(hit) for hit in told[0]] == [repr(hit) for hit in whole(written)[0]]


def test_what_the_file_knows_is_not_read_from_the_database(written: Path) -> None:
    """Whoever changes the database behind the store's back sees where a hit came from."""
    with sqlite3.connect(written / DATABASE_NAME) as connection:
        connection.execute("UPDATE items SET name = 'changed'")
    connection.close()
    names = {hit.item.uri: hit.item.name for hit in whole(written)[0]}
    read = {uri for uri, name in names.items() if name == "changed"}

    assert read == {
        ODD[name].item.uri for name in ("a large whole number", "a name that is no text", "a long text")
    } | {ODD["other scripts"].item.uri}


def test_a_touch_after_the_snapshot_is_seen_and_so_is_the_next_snapshot(written: Path) -> None:
    identity = ODD["plain"].item.id
    for snapshot in (False, True):
        with Store.open(written) as store:
            store.touch({identity: 5 + snapshot})
            if snapshot:
                store.snapshot()
        assert {hit.item.modified_ns for hit in whole(written)[0] if hit.item.id == identity} == {5 + snapshot}


def flipped(data: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "flipped": flipped,
    "cut": lambda data, draw: data[: draw.randrange(len(data))],
    "longer": lambda data, draw: data + draw.randbytes(8),
    "empty": lambda _data, _draw: b"",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_ignored_and_named(written: Path, damage: Callable[[bytes, random.Random], bytes]) -> None:
    right, path, draw = whole(written), hit_file_path(written), random.Random(3)
    data = path.read_bytes()
    for _ in range(12):
        path.write_bytes(damage(data, draw))
        assert whole(written) == right
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with Store.open(written, writable=False) as store:
        assert store.verify() == ["snapshot hits.snapshot: damaged; it is ignored, so delete it"]


def test_a_file_of_another_state_is_ignored(written: Path) -> None:
    old = hit_file_path(written).read_bytes()
    with Store.open(written) as store:
        store.touch({ODD["plain"].item.id: 5})
        store.snapshot()
    right = whole(written)
    hit_file_path(written).write_bytes(old)

    assert whole(written) == right


def test_verifying_names_a_file_that_contradicts_the_database(written: Path) -> None:
    with sqlite3.connect(written / DATABASE_NAME) as connection:
        connection.execute("UPDATE items SET media_type = 'x' WHERE uri = 'file:///8'")
    connection.close()
    with Store.open(written, writable=False) as store:
        (fault,) = store.verify()
    assert "hits.snapshot: out of step with the database at segment" in fault
