"""Does the store contradict itself? Every sentence found is a fault; none is the good answer."""

import math
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from commonspace.core.errors import CorruptStore
from commonspace.index.attributes import TOUCHED
from commonspace.index.checks import UNIT_TOLERANCE
from commonspace.index.columns import segment_chunks
from commonspace.index.database import Database
from commonspace.index.flat import FlatIndex
from commonspace.index.hit_file import hit_file_path, read_hit_file, record_of
from commonspace.index.lasting import Lasting
from commonspace.index.resident import MakeIndex, Resident
from commonspace.index.rows import HITS, SELECT_ITEMS, SELECT_SEGMENTS, checksum, read_item, read_segment
from commonspace.index.schema import about
from commonspace.index.snapshot import MAX_HEADER_BYTES, mark_of, read_snapshot, snapshot_path

__all__ = ["faults"]

_NO_SEGMENT_ITEM = "SELECT count(*) FROM segments WHERE item NOT IN (SELECT row FROM items)"
_VECTORS = "SELECT s.id, i.id, s.position, s.crc, s.vector FROM segments AS s LEFT JOIN items AS i ON i.row = s.item"
_NO_PARENT = "SELECT count(*) FROM items WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM items)"
_GAPS = "SELECT count(*) FROM (SELECT item FROM segments GROUP BY item HAVING max(position) + 1 <> count(*))"
_STILL_THERE = "SELECT count(*) FROM segments WHERE id IN (SELECT segment FROM removals)"
_UNSEARCHABLE = "SELECT count(*) FROM passages WHERE id NOT IN (SELECT id FROM words_docsize)"
_STRAY_WORDS = "SELECT count(*) FROM words_docsize WHERE id NOT IN (SELECT id FROM passages)"


def faults(database: Database, path: Path, dimension: int, make_index: MakeIndex | None) -> Iterator[str]:
    """Every fault of a store, in sentences."""
    checks: tuple[Callable[[sqlite3.Connection], Iterator[str]], ...] = (
        _page_faults,
        _reference_faults,
        partial(_record_faults, path=path),
        partial(_vector_faults, dimension=dimension),
        partial(_hit_file_faults, folder=path),
        partial(_index_faults, folder=path, dimension=dimension, make_index=make_index),
    )
    for check in checks:
        try:
            with database.reading() as connection:
                yield from list(check(connection))
        except CorruptStore as error:
            yield error.cause
    if database.writable:
        try:
            with database.writing() as connection:
                connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
        except CorruptStore as error:
            yield f"full text: {error.cause}"


def _page_faults(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"database: {line}"


def _reference_faults(connection: sqlite3.Connection) -> Iterator[str]:
    for query, fault in (
        (_NO_SEGMENT_ITEM, "segments belong to no item"),
        (_NO_PARENT, "items name a parent that is not there"),
        (_GAPS, "items lack some of their segments"),
        (_STILL_THERE, "segments are there although they were removed"),
        (_UNSEARCHABLE, "passages are missing from the full text"),
        (_STRAY_WORDS, "entries of the full text belong to no passage"),
    ):
        (count,) = connection.execute(query).fetchone()
        if count:
            yield f"{count} {fault}"


def _record_faults(connection: sqlite3.Connection, path: Path) -> Iterator[str]:
    for row in connection.execute(SELECT_ITEMS):
        try:
            read_item(row, path)
        except CorruptStore as error:
            yield error.cause
    for row in connection.execute(SELECT_SEGMENTS):
        try:
            read_segment(row, path)
        except CorruptStore as error:
            yield error.cause


def _vector_faults(connection: sqlite3.Connection, dimension: int) -> Iterator[str]:
    """Segments whose vector has the wrong size, was changed, is not finite or not of unit length."""
    for segment, item, position, crc, blob in connection.execute(_VECTORS):
        if not isinstance(blob, bytes) or len(blob) != 4 * dimension:
            yield f"segment {segment}: its vector has {len(blob)} bytes, not {4 * dimension}"
            continue
        if checksum(item, position, blob) != crc:
            yield f"segment {segment}: its vector does not match its checksum"
        length = float(np.linalg.norm(np.frombuffer(blob, "<f4").astype(np.float64)))
        if not math.isfinite(length) or abs(length - 1.0) > UNIT_TOLERANCE:
            yield f"segment {segment}: its vector has length {length:.6g}, not one"


def _hit_file_faults(connection: sqlite3.Connection, folder: Path) -> Iterator[str]:
    """Whether the file of hits is whole, and says what the database says; a missing or outdated one is no fault."""
    mark, touched = mark_of(connection), about(connection, TOUCHED)
    path = hit_file_path(folder)
    if mark is None or not path.exists() or mark.token.encode("ascii") not in _head(path):
        return
    file = read_hit_file(folder, mark)
    if file is None:
        yield f"snapshot {path.name}: damaged; it is ignored, so delete it"
        return
    if isinstance(touched, int) and touched > mark.sequence:
        return
    for row in connection.execute(f"{HITS} WHERE s.id <= ? ORDER BY s.id", (mark.last_segment,)):
        if file.record(row[-1]) != record_of(row, folder):
            yield f"snapshot {path.name}: out of step with the database at segment {row[-1]}"
            return


def _index_faults(
    connection: sqlite3.Connection, folder: Path, dimension: int, make_index: MakeIndex | None
) -> Iterator[str]:
    """Whether the snapshot is whole, and gives with what is replayed exactly the database's vectors.

    A missing or outdated one is no fault: it is ignored.
    """
    mark = mark_of(connection)
    path = snapshot_path(folder)
    claimed = mark is not None and path.exists() and mark.token.encode("ascii") in _head(path)
    if mark is not None and claimed and read_snapshot(folder, mark, dimension) is None:
        yield f"snapshot {path.name}: damaged; it is ignored, so delete it"
    if make_index is not None and isinstance(make_index(dimension), Lasting):
        make_index = FlatIndex  # rows that are kept elsewhere are no part of the store
    resident = Resident(folder, dimension, make_index)
    resident.catch_up(connection)
    count = 0
    for columns, vectors in segment_chunks(connection, 0, dimension, folder):
        part = slice(count, count + len(columns.ids))
        count += len(columns.ids)
        same = np.array_equal(resident.columns.ids[part], columns.ids)
        same = same and np.array_equal(resident.columns.keys[part], columns.keys)
        same = same and np.array_equal(resident.columns.codes[part], columns.codes)
        same = same and np.array_equal(resident.columns.towers[part], columns.towers)
        if not same or not np.array_equal(resident.index.vectors(columns.ids), vectors):
            yield f"index: out of step with the database between segments {columns.ids[0]} and {columns.ids[-1]}"
            return
    if len(resident.columns.ids) != count:
        yield f"index: holds {len(resident.columns.ids)} segments, the database {count}"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_HEADER_BYTES)
