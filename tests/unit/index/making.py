"""Items, vectors and a space for the store's tests, from seeds; and the answer to any search, the slow way."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors, unit
from commonspace.index.records import Entry, SegmentHit, StoredItem, StoredSegment, item_id

__all__ = ["DIMENSION", "SPACE", "entry", "file_entry", "found", "item", "ranking", "same_entry", "vectors"]

DIMENSION = 24

SPACE = Space(
    name="test",
    dimension=DIMENSION,
    towers=(Modality.TEXT, Modality.IMAGE, Modality.AUDIO),
    composed=(Modality.VIDEO,),
    fingerprint="a" * 64,
)


def vectors(count: int, seed: int = 0, dimension: int = DIMENSION) -> Vectors:
    """Random unit rows."""
    return unit(np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32))


def item(uri: str, **changes: Any) -> StoredItem:
    """An item with every field filled, changed as asked."""
    fields: dict[str, Any] = {
        "id": item_id(uri),
        "uri": uri,
        "name": uri.rsplit("/", 1)[-1],
        "modality": Modality.TEXT,
        "media_type": "text/plain",
        "content_hash": f"hash of {uri}",
        "num_bytes": 7,
        "modified_ns": 1_700_000_000_123_456_789,
        "notes": ("truncated",),
        "metadata": {"title": "a title", "pages": 3, "ratio": 0.1, "draft": True},
    }
    return StoredItem(**{**fields, **changes})


def entry(uri: str, count: int = 1, *, seed: int | None = None, text: str | None = None, **changes: Any) -> Entry:
    """An item with ``count`` segments, each with times and a text; vectors from the seed, or else from the uri."""
    made = item(uri, **changes)
    segments = tuple(
        StoredSegment(
            modality=made.modality,
            span=Span(start_seconds=number / 3, end_seconds=number + 0.7),
            text=text if text is not None else f"passage {number} of {made.name}",
        )
        for number in range(count)
    )
    return Entry(item=made, segments=segments, vectors=vectors(count, int(made.id, 16) if seed is None else seed))


def file_entry(number: int, **changes: Any) -> Entry:
    """One of many different files, of one segment and of each modality in turn."""
    modality = (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)[number % 3]
    return entry(f"file:///media/{number:05}.bin", **{"modality": modality, **changes})


def same_entry(one: Entry | None, other: Entry | None) -> bool:
    """Whether two entries are equal, vectors bit for bit."""
    if one is None or other is None:
        return one is other
    return (
        one.item == other.item
        and one.segments == other.segments
        and one.vectors.dtype == other.vectors.dtype
        and one.vectors.shape == other.vectors.shape
        and one.vectors.tobytes() == other.vectors.tobytes()
    )


def ranking(
    entries: Sequence[Entry], query: Vectors, k: int, modalities: Collection[Modality] | None = None
) -> list[tuple[str, int]]:
    """The best (uri, position) for one query by brute force; ties by item id, then position."""
    scored = [
        (-float(np.sum(row.astype(np.float64) * query.astype(np.float64))), each.item.id, position, each.item.uri)
        for each in entries
        if modalities is None or each.item.modality in modalities
        for position, row in enumerate(each.vectors)
    ]
    return [(uri, position) for _, _, position, uri in sorted(scored)[:k]]


def found(hits: Sequence[SegmentHit]) -> list[tuple[str, int]]:
    """What a search found as (uri, position); ``entry`` hides the position in the span."""
    return [(hit.item.uri, round((hit.span.start_seconds or 0.0) * 3) if hit.span else 0) for hit in hits]
