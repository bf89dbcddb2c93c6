"""Questions to the store, as SQL inside the caller's transaction; knows no file and no index."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from commonspace.core.modality import Modality
from commonspace.index.filter_sql import Clause, clause_of
from commonspace.index.filters import Filter, check_filter
from commonspace.index.records import Entry, SegmentHit, StoredItem
from commonspace.index.rows import (
    HITS,
    NUM_ITEM_COLUMNS,
    SELECT_ITEMS,
    SELECT_SEGMENTS_OF_ITEM,
    SqlValue,
    read_item,
    read_segment,
    read_vectors,
    unreadable,
)
from commonspace.index.snapshot import Mark

__all__ = [
    "PAGE_ITEMS",
    "changes_since",
    "children_of",
    "counts_of",
    "entry_of",
    "hits_of",
    "item_where",
    "page_of_items",
    "prefix_bounds",
    "wanted_of",
]

PAGE_ITEMS = 512

_LAST_CODE_POINT = 0x10FFFF
_FIRST_SURROGATE = 0xD800
_AFTER_SURROGATES = 0xE000

_AMONG = "WHERE s.id IN ({places})"
_LISTED = "WHERE s.id IN (SELECT value FROM json_each(?))"
FEW = 64
"""Up to so many values are bound one by one: a list for SQLite to take apart costs more."""


def item_where(connection: sqlite3.Connection, condition: str, value: str, path: Path) -> StoredItem | None:
    """The first item for which ``condition`` (trusted SQL with one ``?``) holds."""
    row = connection.execute(f"{SELECT_ITEMS} WHERE {condition} LIMIT 1", (value,)).fetchone()
    return None if row is None else read_item(row, path)


def children_of(connection: sqlite3.Connection, parent: str, path: Path) -> list[StoredItem]:
    """The items found in another item, by uri."""
    rows = connection.execute(SELECT_ITEMS + "WHERE parent = ? ORDER BY uri", (parent,))
    return [read_item(row, path) for row in rows]


def entry_of(connection: sqlite3.Connection, item: StoredItem, dimension: int, path: Path) -> Entry:
    """An item with its segments and vectors."""
    rows = connection.execute(SELECT_SEGMENTS_OF_ITEM, (item.id,)).fetchall()
    vectors = read_vectors([(item.id, *row[3:]) for row in rows], dimension, path)
    return Entry(item=item, segments=tuple(read_segment(row[:3], path) for row in rows), vectors=vectors)


def page_of_items(
    connection: sqlite3.Connection, after: str, bounds: tuple[str, str | None], wanted: Sequence[Clause], path: Path
) -> list[StoredItem]:
    """Up to ``PAGE_ITEMS`` items by uri, beyond ``after`` and within ``bounds`` (from, up to), all ``wanted`` true."""
    low, high = bounds
    conditions = ["uri > ?", "uri >= ?"]
    values: list[SqlValue] = [after, low]
    if high is not None:
        conditions.append("uri < ?")
        values.append(high)
    for clause in wanted:
        conditions.append(clause.text)
        values += clause.values
    query = f"{SELECT_ITEMS} WHERE {' AND '.join(conditions)} ORDER BY uri LIMIT {PAGE_ITEMS}"
    return [read_item(row, path) for row in connection.execute(query, values)]


def wanted_of(modality: Modality | None, where: Filter | None) -> list[Clause]:
    """What must be true of the items that are wanted.

    Raises:
        UsageError: the filter makes no sense.
    """
    check_filter(where)
    of_modality = [] if modality is None else [Clause(text="+modality = ?", values=(modality.value,))]
    return [*of_modality, *([] if where is None else [clause_of(where)])]


def counts_of(connection: sqlite3.Connection, path: Path) -> dict[Modality, int]:
    """How many items there are of each modality that there is."""
    rows = connection.execute("SELECT modality, count(*) FROM items GROUP BY modality").fetchall()
    try:
        return {Modality(name): count for name, count in rows}
    except ValueError as error:
        raise unreadable(path, "an item", error) from error


def changes_since(connection: sqlite3.Connection, mark: Mark | None) -> int:
    """How many segments came or went since a snapshot: what opening the store would have to replay."""
    last_segment, sequence = (0, 0) if mark is None else (mark.last_segment, mark.sequence)
    (added,) = connection.execute("SELECT count(*) FROM segments WHERE id > ?", (last_segment,)).fetchone()
    (removed,) = connection.execute("SELECT count(*) FROM removals WHERE sequence > ?", (sequence,)).fetchone()
    return int(added) + int(removed)


def hits_of(connection: sqlite3.Connection, ranked: Sequence[tuple[int, float]], path: Path) -> list[SegmentHit]:
    """The segments of ``ranked`` (id, score), in that order, with their items."""
    wanted = [segment for segment, _ in ranked]
    if len(wanted) <= FEW:
        found = connection.execute(HITS + _AMONG.format(places=",".join("?" * len(wanted))), wanted)
    else:
        found = connection.execute(HITS + _LISTED, (json.dumps(wanted),))
    rows = {row[-1]: row for row in found}
    items: dict[str, StoredItem] = {}
    hits = []
    for segment_id, score in ranked:
        row = rows.get(segment_id)
        if row is None:
            raise unreadable(path, f"segment {segment_id}", LookupError("the database's index and table differ"))
        segment = read_segment(row[NUM_ITEM_COLUMNS:-1], path)
        item = items.get(row[0]) or items.setdefault(row[0], read_item(row[:NUM_ITEM_COLUMNS], path))
        hits.append(
            SegmentHit(
                item=item,
                segment_id=segment_id,
                modality=segment.modality,
                span=segment.span,
                text=segment.text,
                score=score,
            )
        )
    return hits


def prefix_bounds(prefix: str) -> tuple[str, str | None]:
    """Texts that begin with ``prefix`` are those from the first bound up to, without, the second.

    The second is the least text above all of them in code point order, or None where there is none.
    """
    head = prefix.rstrip(chr(_LAST_CODE_POINT))
    if not head:
        return prefix, None
    following = ord(head[-1]) + 1
    if following == _FIRST_SURROGATE:
        following = _AFTER_SURROGATES
    return prefix, head[:-1] + chr(following)
