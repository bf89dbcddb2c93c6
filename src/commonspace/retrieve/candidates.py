"""Items that may answer: each with its best segment, what that segment scores, and what the item is worth."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.bias import ItemBias
from commonspace.index.filters import Filter
from commonspace.index.records import Entry, SegmentHit, StoredItem
from commonspace.retrieve.asked import Asked
from commonspace.retrieve.judge import Judge, Judging, Verdict
from commonspace.retrieve.ranking import Ranking

if TYPE_CHECKING:
    from commonspace.retrieve.keywords import KeywordMatch
    from commonspace.retrieve.unwanted import Taken

__all__ = ["Candidate", "ItemSearch", "Looking", "Scored", "nearest", "order", "score_items", "scored"]


class ItemSearch(Protocol):
    """What searching needs of a store: the nearest items by their best segment, exact; words; and items themselves."""

    def search(
        self,
        queries: Vectors,
        *,
        k: int,
        modalities: Collection[Modality] | None = None,
        towers: Collection[Modality] | None = None,
        best_of_item: bool = False,
        where: Filter | None = None,
    ) -> list[list[SegmentHit]]:
        """The ``k`` best of each query; with ``best_of_item`` each item once, with its best segment."""
        ...

    def match(self, text: str, *, k: int, where: Filter | None = None) -> list[SegmentHit]:
        """The ``k`` best segments for some words, by BM25."""
        ...

    def entry(self, id: str) -> Entry | None:  # noqa: A002  # the store's name for it
        """An item with its segments and vectors."""
        ...

    def get(self, id: str) -> StoredItem | None:  # noqa: A002  # the store's name for it
        """The item with this id."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One item that may answer; ``worth`` is what it is ranked by, higher is better.

    ``shift`` is what words and unwanted parts added to the log-odds (or, without a judge, to the score). ``by_ranks``
    says that the worth is of reciprocal ranks, ``reranked`` where it stood before a re-ranker and what that scored.
    """

    found: SegmentHit
    worth: float
    verdict: Verdict | None = None
    shift: float = 0.0
    keywords: "KeywordMatch | None" = None
    taken: "tuple[Taken, ...]" = ()
    by_ranks: bool = False
    reranked: tuple[int, float] | None = None

    @property
    def item(self) -> StoredItem:
        """The item itself."""
        return self.found.item


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looking:
    """One search under way: where, for what, how, and who judges. Items that were scored once are ``known``."""

    store: ItemSearch
    asked: Asked
    ranking: Ranking
    judging: Judging = field(default_factory=Judging)
    judge: Judge | None = None
    known: "dict[str, Scored | None]" = field(default_factory=dict)

    @property
    def bias(self) -> ItemBias | None:
        """What the store takes off each score."""
        calibration = self.judging.calibration
        return None if calibration is None else calibration.bias

    def judged(self, found: SegmentHit, shift: float = 0.0) -> Candidate:
        """A segment as the candidate that its item is, with so much more in its favour."""
        if self.judge is None:
            return Candidate(found=found, worth=found.score + shift, shift=shift)
        verdict = self.judge.judge(found.item.modality, found.modality, found.score, shift)
        return Candidate(found=found, worth=verdict.worth, verdict=verdict, shift=shift)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """An item whose segments were all scored: best first, with the vector of each."""

    candidates: tuple[Candidate, ...]
    vectors: Vectors


def order(candidate: Candidate) -> tuple[float, float, str, int]:
    """By what candidates are sorted: worth most first; then by score, by id, by place in the item."""
    return -candidate.worth, -candidate.found.score, candidate.item.id, candidate.found.segment_id


def nearest(looking: Looking, vector: NDArray[np.float32], num_items: int) -> list[Candidate]:
    """The items worth most for one unit vector (d), by their best segment, best first.

    Worth rises with the score within one tower and item modalities of one weight, so the best of each such group hold
    the best of all: the answer is as exact as the store's.
    """
    only, where, judge = looking.ranking.modality, looking.ranking.where, looking.judge
    query = vector[None]
    if judge is None:
        wanted = None if only is None else {only}
        found = looking.store.search(query, k=num_items, modalities=wanted, best_of_item=True, where=where)[0]
        return [looking.judged(segment) for segment in found]
    best: dict[str, Candidate] = {}
    for modalities in _alike(judge, only):
        for tower in judge.towers:
            (group,) = looking.store.search(
                query, k=num_items, modalities=modalities, towers={tower}, best_of_item=True, where=where
            )
            _keep_best(best, [looking.judged(segment) for segment in group])
    return sorted(best.values(), key=order)[:num_items]


def _alike(judge: Judge, only: Modality | None) -> list[set[Modality] | None]:
    """Groups of item modalities of one weight, within which worth rises with a tower's score; None is all of them."""
    if only is not None:
        return [{only}]
    by_weight: dict[float, set[Modality]] = {}
    for modality in Modality:
        by_weight.setdefault(judge.weight(modality), set()).add(modality)
    return [None] if len(by_weight) == 1 else list(by_weight.values())


def scored(looking: Looking, id: str) -> Scored | None:  # noqa: A002  # the store's name for it
    """An item's segments against the query, best first; None if it left, has no vector, or none that can be judged."""
    score_items(looking, [id])
    return looking.known[id]


def score_items(looking: Looking, ids: Iterable[str]) -> None:
    """Read and score items that were not yet, all at once: their biases are worth computing together."""
    fresh = [one for one in dict.fromkeys(ids) if one not in looking.known]
    entries = [(one, looking.store.entry(one)) for one in fresh]
    held = [entry for _, entry in entries if entry is not None and entry.segments]
    scores = iter(_scores(looking, held))
    for one, entry in entries:
        has_any = entry is not None and entry.segments
        looking.known[one] = _scored(looking, entry, next(scores)) if entry is not None and has_any else None


def _scored(looking: Looking, entry: Entry, scores: NDArray[np.float64]) -> Scored | None:
    towers = None if looking.judge is None else looking.judge.towers
    made = [
        (looking.judged(_segment_hit(entry, place, float(score))), place)
        for place, score in enumerate(scores)
        if towers is None or entry.segments[place].modality in towers
    ]
    made.sort(key=lambda one: order(one[0]))
    if not made:
        return None
    return Scored(candidates=tuple(one for one, _ in made), vectors=entry.vectors[[place for _, place in made]])


def _scores(looking: Looking, entries: Sequence[Entry]) -> list[NDArray[np.float64]]:
    """What the segments of some items score, summed in float64 and less their biases, as the store does."""
    if not entries:
        return []
    vectors = np.concatenate([entry.vectors for entry in entries])
    towers = np.array([segment.modality for entry in entries for segment in entry.segments])
    query = looking.asked.embedding.vector.astype(np.float64)
    scores: NDArray[np.float64] = (vectors.astype(np.float64) * query).sum(axis=1)
    if looking.bias is not None:
        for modality in sorted(set(towers.tolist())):
            mine = towers == modality
            scores[mine] -= looking.bias(Modality(modality), np.ascontiguousarray(vectors[mine]))
    return np.split(scores, np.cumsum([len(entry.segments) for entry in entries])[:-1])


def _keep_best(best: dict[str, Candidate], candidates: Sequence[Candidate]) -> None:
    for one in candidates:
        known = best.get(one.item.id)
        if known is None or order(one) < order(known):
            best[one.item.id] = one


def _segment_hit(entry: Entry, place: int, score: float) -> SegmentHit:
    segment = entry.segments[place]
    return SegmentHit(
        item=entry.item,
        segment_id=place,
        modality=segment.modality,
        span=segment.span,
        text=segment.text,
        score=score,
    )
