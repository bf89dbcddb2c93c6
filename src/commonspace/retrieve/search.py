"""Finds the items nearest to a query vector: segments are searched, items are answered."""

from collections.abc import Collection
from typing import Protocol

from commonspace.core.errors import UsageError
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.records import SegmentHit
from commonspace.retrieve.hit import Hit, Segment

__all__ = ["ItemSearch", "search"]


class ItemSearch(Protocol):
    """What searching needs of a store: the nearest items by their best segment, best first, exact."""

    def search(
        self,
        queries: Vectors,
        *,
        k: int,
        modalities: Collection[Modality] | None = None,
        best_of_item: bool = False,
    ) -> list[list[SegmentHit]]:
        """The ``k`` best of each query; with ``best_of_item`` each item once, with its best segment."""
        ...


def search(store: ItemSearch, query: Vectors, *, k: int, modalities: Collection[Modality] | None = None) -> list[Hit]:
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
    found = store.search(query, k=k, modalities=modalities, best_of_item=True)[0]
    return [_hit(rank, segment) for rank, segment in enumerate(found, start=1)]


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
