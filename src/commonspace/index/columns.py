"""What memory needs to know of each segment besides its vector, streamed from the database in chunks."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.ascending import places_of
from commonspace.index.index import Ids, Mask
from commonspace.index.rows import read_vectors, unreadable

__all__ = ["CHUNK_ROWS", "CODES", "Columns", "among", "columns_until", "removals_since", "segment_chunks"]

CHUNK_ROWS = 4_096
CODES = {modality: code for code, modality in enumerate(Modality)}

_SEGMENTS = """
SELECT s.id, i.modality, s.modality, i.id, s.position, s.crc, s.vector
FROM segments AS s JOIN items AS i ON i.row = s.item WHERE s.id > ? ORDER BY s.id
"""
_COLUMNS = """
SELECT s.id, i.modality, s.modality, i.id
FROM segments AS s JOIN items AS i ON i.row = s.item WHERE s.id <= ? ORDER BY s.id
"""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Of each segment, by ascending id: its id, its item's id as a number, its item's modality and its own as numbers.

    A segment's own modality (``towers``) says which tower made its vector: a video has frames and sound.
    """

    ids: Ids
    keys: NDArray[np.uint64]
    codes: NDArray[np.uint8]
    towers: NDArray[np.uint8]

    @classmethod
    def joined(cls, parts: Sequence["Columns"]) -> Self:
        """One after another; of no parts, empty."""
        return cls(
            ids=np.concatenate([np.empty(0, np.int64), *(part.ids for part in parts)]),
            keys=np.concatenate([np.empty(0, np.uint64), *(part.keys for part in parts)]),
            codes=np.concatenate([np.empty(0, np.uint8), *(part.codes for part in parts)]),
            towers=np.concatenate([np.empty(0, np.uint8), *(part.towers for part in parts)]),
        )

    def kept(self, mask: Mask) -> "Columns":
        """Only the segments where ``mask`` is true."""
        return Columns(ids=self.ids[mask], keys=self.keys[mask], codes=self.codes[mask], towers=self.towers[mask])

    def places(self, ids: Ids) -> Ids:
        """Where these ids, all of them held, stand."""
        return places_of(self.ids, ids)


def among(modalities: Collection[Modality]) -> Mask:
    """For every code whether it is one of these modalities': a table to look codes up in."""
    table = np.zeros(len(CODES), np.bool_)
    table[[CODES[modality] for modality in modalities]] = True
    return table


def removals_since(connection: sqlite3.Connection, sequence: int, path: Path) -> Ids:
    """The segments that were removed after ``sequence``.

    Raises:
        CorruptStore: the list of removals cannot be read.
    """
    rows = connection.execute("SELECT segment FROM removals WHERE sequence > ?", (sequence,)).fetchall()
    try:
        return np.array(rows, np.int64).reshape(-1)
    except (ValueError, TypeError, OverflowError) as error:
        raise unreadable(path, "a removal", error) from error


def segment_chunks(
    connection: sqlite3.Connection, after: int, dimension: int, path: Path
) -> Iterator[tuple[Columns, Vectors]]:
    """The segments with ids beyond ``after``, with their vectors, ``CHUNK_ROWS`` at a time.

    Raises:
        CorruptStore: a vector or an item is not what was written.
    """
    cursor = connection.execute(_SEGMENTS, (after,))
    while rows := cursor.fetchmany(CHUNK_ROWS):
        yield _columns(rows, path), read_vectors([row[3:] for row in rows], dimension, path)


def columns_until(connection: sqlite3.Connection, last: int, path: Path) -> Columns:
    """What is known of the segments with ids up to ``last``, without their vectors.

    Raises:
        CorruptStore: an item is not what was written.
    """
    cursor = connection.execute(_COLUMNS, (last,))
    parts = []
    while rows := cursor.fetchmany(CHUNK_ROWS):
        parts.append(_columns(rows, path))
    return Columns.joined(parts)


def _columns(rows: Sequence[tuple[Any, ...]], path: Path) -> Columns:
    """Rows that begin with the segment's id, the item's modality, the segment's own and the item's id."""
    try:
        return Columns(
            ids=np.array([row[0] for row in rows], np.int64),
            keys=np.array([int(row[3], 16) for row in rows], np.uint64),
            codes=np.array([CODES[row[1]] for row in rows], np.uint8),
            towers=np.array([CODES[row[2]] for row in rows], np.uint8),
        )
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise unreadable(path, "an item", error) from error
