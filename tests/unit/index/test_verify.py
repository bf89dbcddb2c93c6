"""Verifying names each kind of contradiction; every test here plants one."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import CorruptStore, StoreError
from commonspace.index.rows import checksum
from commonspace.index.schema import DATABASE_NAME
from commonspace.index.snapshot import snapshot_path
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, entry, item_id, vectors


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed, sound store with a snapshot and something to replay."""
    with Store.create(tmp_path / "s", SPACE) as store:
        store.put([entry(f"file:///{number}", 2) for number in range(10)])
        store.snapshot()
        store.put([entry("file:///late", 2)])
        store.remove([item_id("file:///3")])
        assert store.verify() == []
    return tmp_path / "s"


def planted(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    connection = sqlite3.connect(path / DATABASE_NAME)
    for statement in statements:
        connection.execute(statement, values)
    connection.commit()
    connection.close()


def faults(path: Path, *, writable: bool = True) -> str:
    with Store.open(path, writable=writable) as store:
        return "\n".join(store.verify())


FAULTS = {
    "segments belong to no item": ["DELETE FROM items WHERE uri = 'file:///1'"],
    "name a parent that is not there": ["UPDATE items SET parent = 'x' WHERE uri = 'file:///1'"],
    "items lack some of their segments": ["DELETE FROM segments WHERE id = 1"],
    "although they were removed": ["INSERT INTO removals (segment, sequence) VALUES (5, 9)"],
    "missing from the full text": [
        "INSERT INTO words (words, rowid, name, text) SELECT 'delete', id, name, text FROM passages WHERE id = 5"
    ],
    "entries of the full text belong to no passage": ["INSERT INTO words (rowid, name, text) VALUES (999, 'a', 'b')"],
    "its vector does not match its checksum": ["UPDATE segments SET crc = crc + 1 WHERE id = 5"],
    "its vector has 95 bytes": ["UPDATE segments SET vector = substr(vector, 2) WHERE id = 5"],
    "is not the id of": ["UPDATE items SET uri = 'file:///moved' WHERE uri = 'file:///1'"],
    "item '": ["UPDATE items SET metadata = '{' WHERE uri = 'file:///1'"],
    "a segment that cannot be read": ["UPDATE segments SET span = '{\"nowhere\": 1}' WHERE id = 5"],
    "full text": ["UPDATE segments SET text = 'other words' WHERE id = 5"],
}


@pytest.mark.parametrize(("fault", "statements"), FAULTS.items(), ids=FAULTS.keys())
def test_a_planted_contradiction_is_named(path: Path, fault: str, statements: list[str]) -> None:
    planted(path, *statements)

    assert fault in faults(path)


@pytest.mark.parametrize("change", [lambda row: row * 2, lambda row: row * np.nan, lambda row: row * 0])
def test_a_vector_that_is_not_of_unit_length_is_named(path: Path, change: Callable[[object], object]) -> None:
    blob = np.asarray(change(vectors(1)[0]), np.float32).tobytes()
    planted(
        path,
        "UPDATE segments SET vector = ?, crc = ? WHERE id = 5",
        values=(blob, checksum(item_id("file:///2"), 0, blob)),
    )

    assert "segment 5: its vector has length" in faults(path)


def test_a_removed_segment_that_no_list_of_removals_knows_puts_the_index_out_of_step(path: Path) -> None:
    planted(path, "DELETE FROM removals")

    assert "index: out of step" in faults(path)


def test_a_damaged_snapshot_is_named_and_harmless(path: Path) -> None:
    whole = bytearray(snapshot_path(path).read_bytes())
    whole[-100] ^= 1
    snapshot_path(path).write_bytes(whole)

    assert "snapshot flat.snapshot: damaged" in faults(path)
    snapshot_path(path).unlink()
    assert faults(path) == ""


def test_a_reader_can_verify_too(path: Path) -> None:
    assert faults(path, writable=False) == ""
    planted(path, "UPDATE segments SET crc = crc + 1 WHERE id = 5")
    assert "checksum" in faults(path, writable=False)


@pytest.mark.parametrize("use", ["search", "entry"])
def test_a_changed_vector_is_an_error_and_never_an_answer(path: Path, use: str) -> None:
    snapshot_path(path).unlink()
    planted(path, "UPDATE segments SET vector = ? WHERE id = 5", values=(vectors(1, 77)[0].tobytes(),))

    with Store.open(path) as store:
        action = (
            partial(store.search, vectors(1), k=1) if use == "search" else partial(store.entry, item_id("file:///2"))
        )
        with pytest.raises(CorruptStore, match="checksum"):
            action()


def test_flipped_bits_in_the_database_give_a_typed_error_or_the_right_answer(path: Path) -> None:
    """Wherever in the file a byte changes, no other kind of error comes out, and no wrong vector."""
    snapshot_path(path).unlink()
    database = path / DATABASE_NAME
    whole = database.read_bytes()
    with Store.open(path, writable=False) as store:
        right = {each.uri: vector_bytes(store, each.id) for each in store.items()}
    draw = np.random.default_rng(0)
    for _ in range(120):
        damaged = bytearray(whole)
        damaged[int(draw.integers(len(damaged)))] ^= 1 << int(draw.integers(8))
        database.write_bytes(damaged)
        with suppress(StoreError), Store.open(path, writable=False) as store:
            for each in store.items():
                for row in vector_bytes(store, each.id):
                    assert row in right[each.uri]
            store.search(vectors(1), k=3)
            store.match("passage", k=3)
            store.verify()
    assert [len(rows) for rows in right.values()] == [2] * 10


def vector_bytes(store: Store, identity: str) -> list[bytes]:
    """An item's vectors as bytes; none if the item cannot be found under its id."""
    kept = store.entry(identity)
    return [] if kept is None else [row.tobytes() for row in kept.vectors]
