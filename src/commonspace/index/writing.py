"""Changes to the store, as SQL inside the caller's transaction; knows no file and no index."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from commonspace.core.errors import UsageError
from commonspace.index.records import Entry
from commonspace.index.rows import item_row, segment_row
from commonspace.index.schema import number, set_about

__all__ = ["count_change", "delete_items", "insert_entries", "prune_removals", "set_modified"]

_INSERT_ITEM = """
INSERT INTO items (
    id, uri, name, modality, media_type, content_hash, num_bytes, modified_ns, parent, notes, metadata
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING row
"""
_INSERT_SEGMENT = (
    "INSERT INTO segments (item, position, modality, span, text, crc, vector) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_WITH_CHILDREN = """
WITH RECURSIVE gone (row, id) AS (
    SELECT row, id FROM items WHERE id IN (SELECT value FROM json_each(?))
    UNION SELECT child.row, child.id FROM items AS child JOIN gone ON child.parent = gone.id
) SELECT row FROM gone
"""
_FORGET_WORDS = """
INSERT INTO words (words, rowid, name, text)
SELECT 'delete', id, name, text FROM passages WHERE item IN (SELECT value FROM json_each(?))
"""
_NOTE_REMOVALS = """
INSERT INTO removals (segment, sequence)
SELECT id, ? FROM segments WHERE item IN (SELECT value FROM json_each(?))
"""
_LEARN_WORDS = "INSERT INTO words (rowid, name, text) SELECT id, name, text FROM passages WHERE id > ?"


def insert_entries(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Put checked entries in place of items with the same uri, old children included.

    Raises:
        UsageError: an entry's parent is neither in the store nor among the entries.
    """
    sequence = _next_sequence(connection)
    _delete(connection, [entry.item.id for entry in entries], sequence)
    _check_parents(connection, entries)
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'segments'").fetchone()
    for entry in entries:
        (row,) = connection.execute(_INSERT_ITEM, item_row(entry.item)).fetchone()
        connection.executemany(
            _INSERT_SEGMENT,
            (
                (row, *segment_row(entry.item.id, position, segment, vector))
                for position, (segment, vector) in enumerate(zip(entry.segments, entry.vectors, strict=True))
            ),
        )
    connection.execute(_LEARN_WORDS, (last,))


def delete_items(connection: sqlite3.Connection, ids: Iterable[str]) -> int:
    """Remove items and their children; returns how many went."""
    wanted = list(ids)
    if not wanted:
        return 0
    return _delete(connection, wanted, _next_sequence(connection))


def set_modified(connection: sqlite3.Connection, times: Mapping[str, int]) -> None:
    """Remember new times of change (nanoseconds by id) of items whose content is as it was."""
    set_about(connection, "touched", _next_sequence(connection))
    connection.executemany("UPDATE items SET modified_ns = ? WHERE id = ?", ((ns, item) for item, ns in times.items()))


def prune_removals(connection: sqlite3.Connection, sequence: int) -> None:
    """Forget removals up to ``sequence``: who knows an older state must load a snapshot or rebuild."""
    connection.execute("DELETE FROM removals WHERE sequence <= ?", (sequence,))
    set_about(connection, "horizon", sequence)


def count_change(connection: sqlite3.Connection) -> None:
    """Let every reader look again, though no item changed."""
    _next_sequence(connection)


def _next_sequence(connection: sqlite3.Connection) -> int:
    sequence = number(connection, "sequence") + 1
    set_about(connection, "sequence", sequence)
    return sequence


def _delete(connection: sqlite3.Connection, ids: list[str], sequence: int) -> int:
    rows = [row for (row,) in connection.execute(_WITH_CHILDREN, (json.dumps(ids),))]
    if rows:
        listed = json.dumps(rows)
        connection.execute(_FORGET_WORDS, (listed,))
        connection.execute(_NOTE_REMOVALS, (sequence, listed))
        connection.execute("DELETE FROM items WHERE row IN (SELECT value FROM json_each(?))", (listed,))
    return len(rows)


def _check_parents(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """After the old items are gone, every parent must be in the store or on its way in."""
    coming = {entry.item.id for entry in entries}
    for entry in entries:
        parent = entry.item.parent
        if parent is None or parent in coming:
            continue
        if connection.execute("SELECT 1 FROM items WHERE id = ?", (parent,)).fetchone() is None:
            raise UsageError(
                f"'{entry.item.uri}' names a parent that is not in the store ({parent}).",
                fix="Put the parent in the same call or before; nothing was stored by this call.",
            )
