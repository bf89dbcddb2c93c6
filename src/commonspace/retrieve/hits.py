"""Candidates become hits: their best segments, what is folded under them, and how they came by their places."""

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from commonspace.core.item import Span
from commonspace.index.records import SegmentHit, StoredItem
from commonspace.retrieve.candidates import Candidate, Looking, scored
from commonspace.retrieve.explanation import Contribution, Explanation, Ranked, Unwanted, Words
from commonspace.retrieve.fuse import RANK_OFFSET, WORDS_LOG_ODDS
from commonspace.retrieve.hit import Fold, Folded, Hit, Segment

__all__ = ["SHOWN_SEGMENTS", "Found", "Under", "bare_hit", "hit_of", "is_part"]

SHOWN_SEGMENTS: Final = 3
"""How many parts of one item a hit shows at most."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """An item that is listed under another, and why."""

    candidate: Candidate
    why: Fold
    likeness: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One place of the answer: who stands there, as which item (None: as itself), and who is listed under it."""

    candidate: Candidate
    shown: StoredItem | None = None
    under: tuple[Under, ...] = ()


def is_part(one: Candidate) -> bool:
    """Whether a part of the item answers, not all of it (a picture, a short sound)."""
    return one.found.span is not None or one.found.text is not None


def bare_hit(rank: int, one: Candidate, shown: StoredItem | None = None) -> Hit:
    """A candidate as a hit, with nothing that has to be looked up; ``shown`` is the whole that stands for it."""
    item, verdict = shown or one.item, one.verdict
    return Hit(
        rank=rank,
        id=item.id,
        uri=item.uri,
        name=item.name,
        modality=item.modality,
        media_type=item.media_type,
        score=one.found.score,
        probability=verdict.probability if verdict else None,
        good=verdict.good if verdict else None,
        segment=_segment(one.found) if is_part(one) else None,
        metadata=dict(item.metadata),
    )


def hit_of(looking: Looking, rank: int, found: Found) -> Hit:
    """One place of the answer as a hit, with its best segments, and explained if that was asked for."""
    hit = bare_hit(rank, found.candidate, found.shown)
    return replace(
        hit,
        segments=() if hit.segment is None else _segments(looking, found.candidate),
        folded=tuple(_folded(each) for each in found.under),
        explanation=_explained(looking, found.candidate) if looking.ranking.explain else None,
    )


def _segment(found: SegmentHit) -> Segment:
    return Segment(modality=found.modality, span=found.span or Span(), text=found.text, score=found.score)


def _segments(looking: Looking, one: Candidate) -> tuple[Segment, ...]:
    """The best segments of the item that answers, best first: all of them are scored, so they are exact.

    A moment, which is no segment of the store, comes before those it was made of.
    """
    own = scored(looking, one.item.id)
    if own is None:
        return (_segment(one.found),)
    shown = [_segment(each.found) for each in own.candidates]
    moment = _segment(one.found)
    known = any((each.span, each.modality) == (moment.span, moment.modality) for each in shown)
    return tuple(([] if known else [moment]) + shown)[:SHOWN_SEGMENTS]


def _folded(under: Under) -> Folded:
    item = under.candidate.item
    return Folded(
        why=under.why,
        id=item.id,
        uri=item.uri,
        name=item.name,
        modality=item.modality,
        score=under.candidate.found.score,
        likeness=under.likeness,
    )


def _explained(looking: Looking, one: Candidate) -> Explanation:
    own, asked, verdict = scored(looking, one.item.id), looking.asked, one.verdict
    vector = asked.embedding.vector if own is None else own.vectors[0]
    parts = []
    for part in asked.wanted:
        cosine = float(vector.astype(np.float64) @ part.embedding.vector.astype(np.float64))
        share = part.weight / asked.length if len(asked.wanted) > 1 else 1.0
        parts.append(
            Contribution(
                part=part.label,
                modality=part.embedding.modality.value,
                weight=part.weight,
                cosine=cosine,
                share=share,
                adds=cosine * share,
            )
        )
    reranked_from, reranker_score = one.reranked or (None, None)
    return Explanation(
        parts=tuple(parts),
        bias=sum(each.adds for each in parts) - one.found.score,
        score=one.found.score,
        ranked_by=_ranked_by(one),
        worth=one.worth,
        words=_words(one),
        unwanted=tuple(
            Unwanted(part=each.label, weight=each.weight, likeness=each.score, words=each.words, takes=each.cost)
            for each in one.taken
        ),
        log_odds=verdict.log_odds if verdict else None,
        probability=verdict.probability if verdict else None,
        modality_weight=verdict.weight if verdict else 1.0,
        reranked_from=reranked_from,
        reranker_score=reranker_score,
    )


def _ranked_by(one: Candidate) -> Ranked:
    if one.verdict is not None:
        return Ranked.PROBABILITY
    return Ranked.RECIPROCAL_RANK if one.by_ranks else Ranked.SCORE


def _words(one: Candidate) -> Words | None:
    match = one.keywords
    if match is None:
        return None
    adds = 1.0 / (RANK_OFFSET + match.rank) if one.by_ranks else WORDS_LOG_ODDS * match.coverage
    return Words(words=match.words, missing=match.missing, bm25=match.bm25, rank=match.rank, adds=adds)
