"""Finds the items nearest to a query vector: segments are searched, items are answered."""

from collections.abc import Collection, Sequence
from typing import Protocol

from commonspace.core.errors import UsageError
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.records import SegmentHit
from commonspace.retrieve.hit import Hit, Segment

__all__ = ["SegmentSearch", "search"]

WIDEN = 4


class SegmentSearch(Protocol):
    """What searching needs of a store: the nearest segments, best first, exact."""

    def search(
        self, queries: Vectors, *, k: int, modalities: Collection[Modality] | None = None
    ) -> list[list[SegmentHit]]:
        """The ``k`` nearest segments of each query, of items of these modalities only."""
        ...


def search(
    store: SegmentSearch, query: Vectors, *, k: int, modalities: Collection[Modality] | None = None
) -> list[Hit]:
    """Rank items by their best segment.

    Args:
        store: where to look.
        query: one unit vector (1 x d).
        k: how many items; fewer come back when the store holds fewer.
        modalities: only items of these, all when None.

    Raises:
        UsageError: k is below one.
    """
    if k < 1:
        raise UsageError(f"k is {k}.", fix="Ask for at least one hit.")
    wanted = k
    while True:
        segments = store.search(query, k=wanted, modalities=modalities)[0]
        best = _best_by_item(segments)
        if len(best) >= k or len(segments) < wanted:
            return [_hit(rank, segment) for rank, segment in enumerate(best[:k], start=1)]
        wanted *= WIDEN


def _best_by_item(segments: Sequence[SegmentHit]) -> list[SegmentHit]:
    best: dict[str, SegmentHit] = {}
    for segment in segments:
        best.setdefault(segment.item.id, segment)
    return list(best.values())


def _hit(rank: int, found: SegmentHit) -> Hit:
    item = found.item
    part = Segment(modality=found.modality, span=found.span or Span(), text=found.text)
    whole = found.span is None and found.text is None
    return Hit(
        rank=rank,
        id=item.id,
        uri=item.uri,
        name=item.name,
        modality=item.modality,
        media_type=item.media_type,
        score=found.score,
        segment=None if whole else part,
        metadata=item.metadata,
    )
