"""Records to database values and back, without loss: odd file names, NULs and spans included."""

import json
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from commonspace.core.errors import CorruptStore
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.records import StoredItem, StoredSegment, item_id
from commonspace.index.schema import FIX_CORRUPT

__all__ = [
    "HITS",
    "NUM_ITEM_COLUMNS",
    "SELECT_ITEMS",
    "SELECT_SEGMENTS",
    "SELECT_SEGMENTS_OF_ITEM",
    "SqlRow",
    "SqlValue",
    "checksum",
    "item_row",
    "read_item",
    "read_segment",
    "read_text",
    "read_vectors",
    "segment_row",
    "unreadable",
]

SELECT_ITEMS = (
    "SELECT id, uri, name, modality, media_type, content_hash, num_bytes, modified_ns, parent, notes, metadata "
    "FROM items "
)
SELECT_SEGMENTS = "SELECT modality, span, text FROM segments"
SELECT_SEGMENTS_OF_ITEM = (
    "SELECT modality, span, text, position, crc, vector "
    "FROM segments WHERE item = (SELECT row FROM items WHERE id = ?) ORDER BY position"
)
HITS = """
SELECT i.id, i.uri, i.name, i.modality, i.media_type, i.content_hash, i.num_bytes, i.modified_ns, i.parent, i.notes,
       i.metadata, s.modality, s.span, s.text, s.id
FROM segments AS s JOIN items AS i ON i.row = s.item
"""
NUM_ITEM_COLUMNS = 11

_VECTOR_TYPE = np.dtype("<f4")

SqlValue = str | bytes | int | float | None
SqlRow = Sequence[Any]
"""What a query gives; nothing is known of the types until it is read."""


def item_row(item: StoredItem) -> tuple[SqlValue, ...]:
    """The values of an item's columns, as ``SELECT_ITEMS`` lists them."""
    return (
        item.id,
        item.uri,
        _text_value(item.name),
        item.modality.value,
        item.media_type,
        item.content_hash,
        item.num_bytes,
        item.modified_ns,
        item.parent,
        json.dumps(item.notes),
        json.dumps(item.metadata, allow_nan=False),
    )


def segment_row(item: str, position: int, segment: StoredSegment, vector: Vectors) -> tuple[SqlValue, ...]:
    """The values of position, modality, span, text, crc and vector; ``item`` is the item's id, ``vector`` one row."""
    blob = vector.astype(_VECTOR_TYPE, copy=False).tobytes()
    text = None if segment.text is None else _text_value(segment.text)
    span = _span_value(segment.span)
    return position, segment.modality.value, span, text, checksum(item, position, blob), blob


def checksum(item: str, position: int, blob: bytes) -> int:
    """CRC-32 of a stored vector and of whose it is: one that changed or strayed is noticed."""
    return zlib.crc32(blob, zlib.crc32(f"{item}/{position}".encode()))


def read_item(row: SqlRow, path: Path) -> StoredItem:
    """The item whose columns these are, as ``SELECT_ITEMS`` lists them.

    Raises:
        CorruptStore: they cannot have been written by this program.
    """
    identity, uri, name, modality, media_type, content_hash, num_bytes, modified_ns, parent, notes, metadata = row
    if not isinstance(uri, str) or identity != item_id(uri):
        raise unreadable(path, "an item", ValueError(f"{identity!r} is not the id of {uri!r}"))
    try:
        return StoredItem(
            id=identity,
            uri=uri,
            name=read_text(name),
            modality=Modality(modality),
            media_type=media_type,
            content_hash=content_hash,
            num_bytes=num_bytes,
            modified_ns=modified_ns,
            parent=parent,
            notes=() if notes == "[]" else tuple(json.loads(notes)),
            metadata={} if metadata == "{}" else json.loads(metadata),
        )
    except (ValueError, TypeError) as error:
        raise unreadable(path, f"item {identity!r}", error) from error


def read_segment(row: SqlRow, path: Path) -> StoredSegment:
    """The segment whose modality, span and text these are.

    Raises:
        CorruptStore: they cannot have been written by this program.
    """
    modality, span, text = row
    try:
        return StoredSegment(
            modality=Modality(modality),
            span=None if span is None else _read_span(json.loads(span)),
            text=None if text is None else read_text(text),
        )
    except (ValueError, TypeError) as error:
        raise unreadable(path, "a segment", error) from error


def read_vectors(columns: Iterable[SqlRow], dimension: int, path: Path) -> Vectors:
    """Stack vectors stored as (item id, position, crc, vector), n x ``dimension``.

    Raises:
        CorruptStore: a vector has the wrong size, or its checksum does not match.
    """
    size = dimension * _VECTOR_TYPE.itemsize
    blobs = []
    for item, position, crc, blob in columns:
        if not isinstance(blob, bytes) or len(blob) != size or checksum(item, position, blob) != crc:
            raise unreadable(path, "a vector", ValueError("it does not match its checksum"))
        blobs.append(blob)
    return np.frombuffer(b"".join(blobs), dtype=_VECTOR_TYPE).reshape(-1, dimension).astype(np.float32, copy=False)


def read_text(value: SqlValue) -> str:
    """Undo ``_text_value``."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else str(value)


def _text_value(text: str) -> str | bytes:
    """SQLite's text is UTF-8; a name with undecodable bytes (lone surrogates) is kept as a blob."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _span_value(span: Span | None) -> str | None:
    if span is None:
        return None
    return json.dumps(span.to_dict(), allow_nan=False)


def _read_span(told: object) -> Span:
    """A span with every name known: what else stands there was written by something else."""
    if not isinstance(told, dict) or not told.keys() <= Span.__dataclass_fields__.keys():
        raise TypeError(f"{told!r} is no span")
    return Span.of(told)


def unreadable(path: Path, what: str, error: Exception) -> CorruptStore:
    """The error for stored values that this program cannot have written."""
    return CorruptStore(
        f"The store '{path}' holds {what} that cannot be read ({error}).",
        fix=FIX_CORRUPT,
    )
