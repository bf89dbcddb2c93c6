"""The items' fields in memory, by segment: each read when a filter first asks for it, then kept in step.

What a segment's item says never changes while the segment is there (an item that is put again gets new segments),
but for its time of change, which ``touch`` rewrites: ``touched`` says when that was done last.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, Final, final

import numpy as np

from commonspace.index.field_column import FieldColumn, column_of
from commonspace.index.filter_mask import mask_of
from commonspace.index.filter_sql import column_sql, words_query
from commonspace.index.filters import BUILT_IN, METADATA, Filter, Kind, Words, check_filter
from commonspace.index.index import Ids, Mask
from commonspace.index.rows import unreadable
from commonspace.index.schema import about

__all__ = ["TOUCHED", "Attributes", "Condition"]

TOUCHED: Final = "touched"
"""The fact under which the database keeps the sequence number of the last ``touch``."""
MOST_MASKS: Final = 8

_ALL = "SELECT s.id, {column} FROM items AS i CROSS JOIN segments AS s ON s.item = i.row"
_NEW = "SELECT s.id, {column} FROM segments AS s CROSS JOIN items AS i ON i.row = s.item WHERE s.id > ?"
_WITH_WORDS = """
SELECT id FROM segments WHERE item IN
    (SELECT item FROM segments WHERE id IN (SELECT rowid FROM words WHERE words MATCH ?))
"""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A checked filter, equal to another if they say the same.

    ``key`` tells filters apart that Python does not: 1 and true and 1.0 are equal there.
    """

    where: Filter = field(compare=False)
    key: str

    @classmethod
    def of(cls, where: Filter | None) -> "Condition | None":
        """The condition that a filter sets, None where there is none.

        Raises:
            UsageError: the filter makes no sense.
        """
        check_filter(where)
        return None if where is None else cls(where=where, key=repr(where))


@final
class Attributes:
    """Columns of fields and the last few masks; threads may ask side by side, of one state of the store at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        """Forget everything: the segments that come next may be others by the same numbers."""
        self._columns: dict[str, FieldColumn] = {}
        self._masks: dict[str, Mask] = {}
        self._touched: str | int | None = None
        self._ids: Ids = np.empty(0, np.int64)

    def mask(self, connection: sqlite3.Connection, condition: Condition, ids: Ids) -> Mask:
        """Which of these segments, all that ``connection`` sees by ascending id, are of items for which it holds.

        Raises:
            CorruptStore: metadata cannot be read.
        """
        with self._lock:
            self._keep_in_step(connection, ids)
            mask = self._masks.pop(condition.key, None)
            if mask is None:
                mask = mask_of(condition.where, _Loading(attributes=self, connection=connection))
                mask.setflags(write=False)
            self._masks[condition.key] = mask
            while len(self._masks) > MOST_MASKS:
                del self._masks[next(iter(self._masks))]
            return mask

    def column(self, connection: sqlite3.Connection, field: str) -> FieldColumn:
        """A field's values, read or brought up to date; the lock is held."""
        known = self._columns.get(field)
        if known is None or known.ids is not self._ids:
            known = self._columns[field] = self._up_to_date(connection, field, known)
        return known

    def with_words(self, connection: sqlite3.Connection, where: Words) -> Mask:
        """Which segments are of items with these words; the lock is held."""
        rows = connection.execute(_WITH_WORDS, (words_query(where),)).fetchall()
        return np.isin(self._ids, np.array(rows, np.int64).reshape(-1))

    @property
    def num_segments(self) -> int:
        """How many segments there are."""
        return len(self._ids)

    def _keep_in_step(self, connection: sqlite3.Connection, ids: Ids) -> None:
        touched = about(connection, TOUCHED)
        if touched != self._touched:
            self._touched = touched
            self._columns.pop("modified", None)
            self._masks.clear()
        if ids is not self._ids:
            self._ids = ids
            self._masks.clear()

    def _up_to_date(self, connection: sqlite3.Connection, field: str, known: FieldColumn | None) -> FieldColumn:
        column = column_of([]) if known is None else known.kept(np.isin(known.ids, self._ids))
        last = int(column.ids[-1]) if len(column.ids) else 0
        if not len(self._ids) or last < self._ids[-1]:
            fresh = column_of(self._values(connection, field, last), time=BUILT_IN.get(field) is Kind.TIME)
            column = column.followed_by(fresh) if last else fresh
        if not np.array_equal(column.ids, self._ids):
            raise unreadable(self._folder, f"the field {field!r}", LookupError("segments and items differ"))
        return replace(column, ids=self._ids)

    def _values(self, connection: sqlite3.Connection, field: str, last: int) -> Iterator[tuple[int, Any]]:
        query, values = (_NEW, (last,)) if last else (_ALL, ())
        if field in BUILT_IN:
            yield from connection.execute(query.format(column=column_sql(field, "i")), values)
            return
        key, before, value = field.removeprefix(METADATA), "", None
        for segment, text in connection.execute(query.format(column="i.metadata"), values):
            if text != before:
                try:
                    before, value = text, json.loads(text).get(key)
                except (ValueError, TypeError, AttributeError) as error:
                    raise unreadable(self._folder, "an item's metadata", error) from error
            yield segment, value


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Loading:
    """The fields as one transaction sees them."""

    attributes: Attributes
    connection: sqlite3.Connection

    @property
    def num_segments(self) -> int:
        return self.attributes.num_segments

    def column(self, field: str) -> FieldColumn:
        return self.attributes.column(self.connection, field)

    def with_words(self, where: Words) -> Mask:
        return self.attributes.with_words(self.connection, where)
