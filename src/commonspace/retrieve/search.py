"""Finds the items nearest to a query vector: segments are searched, items are answered.

With a judge, items of all modalities are ranked by how likely they are relevant; without one, by their scores.
"""

from collections.abc import Collection
from typing import Protocol

from commonspace.core.errors import UsageError
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.records import SegmentHit
from commonspace.retrieve.hit import Hit, Segment
from commonspace.retrieve.judge import Judge, Verdict

__all__ = ["ItemSearch", "search"]


class ItemSearch(Protocol):
    """What searching needs of a store: the nearest items by their best segment, best first, exact."""

    def search(
        self,
        queries: Vectors,
        *,
        k: int,
        modalities: Collection[Modality] | None = None,
        towers: Collection[Modality] | None = None,
        best_of_item: bool = False,
    ) -> list[list[SegmentHit]]:
        """The ``k`` best of each query; with ``best_of_item`` each item once, with its best segment."""
        ...


def search(
    store: ItemSearch,
    query: Vectors,
    *,
    k: int,
    modalities: Collection[Modality] | None = None,
    judge: Judge | None = None,
) -> list[Hit]:
    """Rank items by their best segment.

    Args:
        store: where to look.
        query: one unit vector (1 x d).
        k: how many items; fewer come back when the store holds fewer.
        modalities: only items of these, all when None.
        judge: what makes scores of different modalities comparable; plain scores are compared when None.

    Raises:
        UsageError: k is below one.
    """
    if k < 1:
        raise UsageError(f"k is {k}.", fix="Ask for at least one hit.")
    if judge is None:
        found = store.search(query, k=k, modalities=modalities, best_of_item=True)[0]
        return [_hit(rank, segment, None) for rank, segment in enumerate(found, start=1)]
    judged = _judged(store, query, k, tuple(modalities or Modality), judge)
    return [_hit(rank, segment, verdict) for rank, (segment, verdict) in enumerate(judged[:k], start=1)]


def _judged(
    store: ItemSearch, query: Vectors, k: int, modalities: Collection[Modality], judge: Judge
) -> list[tuple[SegmentHit, Verdict]]:
    """The items worth most, by their best segment, best first; equal worth by score, then by id.

    Worth rises with the score within one item modality and tower, so the best ``k`` of each such group hold the best
    ``k`` of all: the answer is as exact as the store's.
    """
    best: dict[str, tuple[SegmentHit, Verdict]] = {}
    for modality in modalities:
        for tower in judge.towers:
            group = store.search(query, k=k, modalities={modality}, towers={tower}, best_of_item=True)[0]
            for segment in group:
                one = segment, judge.judge(modality, tower, segment.score)
                known = best.get(segment.item.id)
                if known is None or _order(one) < _order(known):
                    best[segment.item.id] = one
    return sorted(best.values(), key=_order)


def _order(judged: tuple[SegmentHit, Verdict]) -> tuple[float, float, str, int]:
    segment, verdict = judged
    return -verdict.worth, -segment.score, segment.item.id, segment.segment_id


def _hit(rank: int, found: SegmentHit, verdict: Verdict | None) -> Hit:
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
        probability=verdict.probability if verdict else None,
        good=verdict.good if verdict else None,
        segment=None if whole else part,
        metadata=item.metadata,
    )
