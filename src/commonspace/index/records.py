"""What a store holds: items, their segments, one unit vector a segment; and what a search returns."""

from dataclasses import dataclass, field
from typing import final

from blake3 import blake3

from commonspace.core.item import Metadata, Span
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors

__all__ = ["Entry", "SegmentHit", "StoredItem", "StoredSegment", "item_id"]


def item_id(uri: str) -> str:
    """The identity of the item at ``uri``: 16 hexadecimal digits, the same in every store."""
    return blake3(uri.encode("utf-8", "surrogatepass")).hexdigest(length=8)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """One thing a person has, as the store remembers it.

    ``id`` is ``item_id(uri)``. ``parent`` is the id of the item that this one was found in (the PDF
    of a picture): a child leaves with its parent. ``modified_ns`` is the file's time of change.
    """

    id: str
    uri: str
    name: str
    modality: Modality
    media_type: str
    content_hash: str
    num_bytes: int
    modified_ns: int | None = None
    parent: str | None = None
    notes: tuple[str, ...] = ()
    metadata: Metadata = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSegment:
    """The part of an item that has one vector: which tower made it, where it lies, its text if any."""

    modality: Modality
    span: Span | None = None
    text: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """An item with its segments and their unit vectors: row ``i`` of ``vectors`` is of ``segments[i]``."""

    item: StoredItem
    segments: tuple[StoredSegment, ...]
    vectors: Vectors


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentHit:
    """A segment that answers a query; higher scores are better.

    For vectors the score is the inner product, less the segment's bias where the store was opened with one, summed
    in float64; for words it is BM25.
    """

    item: StoredItem
    segment_id: int
    modality: Modality
    span: Span | None
    text: str | None
    score: float
