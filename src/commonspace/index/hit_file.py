"""What hits say of segments and items, in one file beside the copy of the vectors: found without the database.

Layout: 8 bytes of magic; the header's length (uint32); the header (the snapshot's mark as JSON, filled with spaces to a
multiple of 64 bytes in all); ids (int64), where each one's record starts (int64, and where the last ends); the records;
32 bytes of BLAKE3 over all before. Numbers are little-endian. It holds what the database said at the mark's sequence
number. A segment never changes afterwards, but for its item's time of change: whoever reads must know that none was
rewritten since. What JSON cannot hold without loss, or is long, has an empty record and is read from the database.
"""

import json
import mmap
import sqlite3
import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import BinaryIO, Final, TypeVar, final

import numpy as np
import orjson
from blake3 import blake3

from commonspace.core.errors import CorruptStore
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.index.records import SegmentHit, StoredItem
from commonspace.index.replacing import replacing
from commonspace.index.rows import HITS, NUM_ITEM_COLUMNS, SqlRow, read_item, read_segment
from commonspace.index.snapshot import Mark

__all__ = ["HitFile", "hit_file_path", "read_hit_file", "record_of", "write_hit_file"]

MAGIC: Final = b"CSHITS01"
ALIGNMENT: Final = 64
DIGEST_BYTES: Final = 32
MOST_RECORD_BYTES: Final = 4_096
ROWS_TOGETHER: Final = 4_096
MODALITIES: Final = {modality.value: modality for modality in Modality}

T = TypeVar("T")

_ITEM_SLOTS = tuple(getattr(StoredItem, each.name).__set__ for each in fields(StoredItem))
_HIT_SLOTS = tuple(getattr(SegmentHit, each.name).__set__ for each in fields(SegmentHit))
_MODALITY, _NOTES = (list(StoredItem.__slots__).index(name) for name in ("modality", "notes"))


@final
class HitFile:
    """Records by segment; any number of threads may read."""

    def __init__(self, data: mmap.mmap, ids: memoryview, starts: memoryview) -> None:
        self._data = data
        self._ids = ids
        self._starts = starts
        self._first = ids[0] if len(ids) else 0
        self._has_gaps = bool(len(ids)) and ids[-1] - self._first != len(ids) - 1

    def record(self, segment: int) -> bytes:
        """A segment's record, empty where there is none."""
        place = bisect_left(self._ids, segment) if self._has_gaps else segment - self._first
        if not 0 <= place < len(self._ids) or self._ids[place] != segment:
            return b""
        return self._data[self._starts[place] : self._starts[place + 1]]

    def hits(self, ranked: Sequence[tuple[int, float]]) -> list[SegmentHit | None]:
        """The segments of ``ranked`` (id, score) in that order, None where the database must be asked.

        Segments of one item share it.
        """
        items: dict[str, StoredItem] = {}
        return [self._hit(self.record(segment), segment, score, items) for segment, score in ranked]

    def _hit(self, record: bytes, segment: int, score: float, items: dict[str, StoredItem]) -> SegmentHit | None:
        if not record:
            return None
        values = orjson.loads(record)
        item = items.get(values[0])
        if item is None:
            values[_MODALITY], values[_NOTES] = MODALITIES[values[_MODALITY]], tuple(values[_NOTES])
            item = items[values[0]] = _made(StoredItem, _ITEM_SLOTS, values)
        tower, span, text = values[NUM_ITEM_COLUMNS:]
        place = None if span is None else Span.of(span) if "regions" in span else Span(**span)
        return _made(SegmentHit, _HIT_SLOTS, (item, segment, MODALITIES[tower], place, text, score))


def _made(kind: type[T], slots: Sequence[Callable[[T, object], None]], values: Sequence[object]) -> T:
    """A frozen record from its values, in the order of its fields: as its constructor makes it, in two thirds the time.

    There are twenty to a search that wants ten hits.
    """
    made = object.__new__(kind)
    for put, value in zip(slots, values, strict=False):
        put(made, value)
    return made


def hit_file_path(folder: Path) -> Path:
    """Where a store keeps it."""
    return folder / "index" / "hits.snapshot"


def record_of(row: SqlRow, path: Path) -> bytes:
    """What is kept of a row of ``HITS``; empty where it would be long, or not the same when read again."""
    try:
        item = read_item(row[:NUM_ITEM_COLUMNS], path)
        segment = read_segment(row[NUM_ITEM_COLUMNS:-1], path)
        span = segment.span and segment.span.to_dict()
        parts = [item.id, item.uri, item.name, item.modality, item.media_type, item.content_hash, item.num_bytes]
        parts += [item.modified_ns, item.parent, item.notes, item.metadata, segment.modality, span, segment.text]
        record = orjson.dumps(parts)
    except (CorruptStore, TypeError):
        return b""  # whoever finds it reads the database, and learns what is wrong there
    return record if len(record) <= MOST_RECORD_BYTES else b""


def write_hit_file(connection: sqlite3.Connection, folder: Path, mark: Mark) -> None:
    """Write all that ``connection``, which sees the mark's state, sees beside the old file, and only then rename it.

    Raises:
        OSError: the disk is full or refuses.
    """
    path = hit_file_path(folder)
    with replacing(path, path.with_suffix(".draft")) as file:
        _write(file, connection, mark, folder)


def read_hit_file(folder: Path, mark: Mark) -> HitFile | None:
    """The records of a mark's state; None where the file is missing, damaged or of another state. Reads all of it once.

    Mapped: its pages are read again as they are needed.
    """
    header = _header(mark)
    try:
        with hit_file_path(folder).open("rb") as file:
            if file.read(len(header)) != header:
                return None
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
    end = len(data) - DIGEST_BYTES
    if end < len(header) + 8 * (2 * mark.count + 1):
        return None
    with memoryview(data) as whole:
        if blake3(whole[:end], max_threads=blake3.AUTO).digest() != whole[end:]:
            return None
    ids = np.frombuffer(data, "<i8", mark.count, len(header)).astype(np.int64)
    starts = np.frombuffer(data, "<i8", mark.count + 1, len(header) + 8 * mark.count).astype(np.int64)
    return HitFile(data, ids.data, starts.data)


def _write(file: BinaryIO, connection: sqlite3.Connection, mark: Mark, folder: Path) -> None:
    """Records one after another; then, where room was left, whose they are and where."""
    header = _header(mark)
    file.write(header)
    at = len(header) + 8 * (2 * mark.count + 1)
    ids, starts = array("q"), array("q", [at])
    file.seek(at)
    cursor = connection.execute(f"{HITS} WHERE s.id > 0 ORDER BY s.id")
    while rows := cursor.fetchmany(ROWS_TOGETHER):
        records = [record_of(row, folder) for row in rows]
        file.write(b"".join(records))
        ids.extend(row[-1] for row in rows)
        for record in records:
            at += len(record)
            starts.append(at)
    file.seek(len(header))
    file.write(np.array(ids, "<i8").tobytes() + np.array(starts, "<i8").tobytes())
    file.flush()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as whole:
        digest = blake3(whole, max_threads=blake3.AUTO).digest()
    file.seek(0, 2)
    file.write(digest)


def _header(mark: Mark) -> bytes:
    text = json.dumps(asdict(mark), sort_keys=True).encode("utf-8")
    text += b" " * (-(len(MAGIC) + 4 + len(text)) % ALIGNMENT)
    return MAGIC + struct.pack("<I", len(text)) + text
