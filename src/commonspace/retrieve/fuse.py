"""Words and vectors together: evidence is added in log-odds where scores are calibrated, else ranks are fused.

Measured (``benchmarks/hybrid.py``): with names that tell the truth both ways gain much; where half the names, or all
of them, say something else, adding ``WORDS_LOG_ODDS`` times the share of the query's words that stand in the item costs
little, while fused ranks throw away what the vectors knew.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from commonspace.retrieve.candidates import Candidate, Looking, order, score_items, scored
from commonspace.retrieve.keywords import KeywordMatch
from commonspace.retrieve.ranking import POOL

__all__ = ["RANK_OFFSET", "WORDS_LOG_ODDS", "reciprocal_ranks", "with_keywords"]

T = TypeVar("T", bound=Hashable)

WORDS_LOG_ODDS: Final = 2.5
"""What all of a query's words in an item add to the log-odds that it is relevant; some of them add their share.

Chosen on half of the labelled concepts, measured on the others (``benchmarks/choosing.py``).
"""
RANK_OFFSET: Final = 60
"""The k of reciprocal rank fusion (Cormack et al. 2009)."""


def reciprocal_ranks(lists: Sequence[Sequence[T]], offset: int = RANK_OFFSET) -> dict[T, float]:
    """What each thing of some ranked lists is worth: the sum of 1 / (offset + rank), ranks from one."""
    worth: dict[T, float] = {}
    for ranked in lists:
        for rank, thing in enumerate(ranked, start=1):
            worth[thing] = worth.get(thing, 0.0) + 1.0 / (offset + rank)
    return worth


def with_keywords(
    looking: Looking, plain: Sequence[Candidate], matches: dict[str, KeywordMatch], *, whole: bool
) -> list[Candidate]:
    """Candidates with what words say of them, and the items that only words found, best first.

    ``plain`` is best first; unless it is ``whole``, an item beyond its last one is unknown, so nothing that is worth
    less than that one comes: what comes is what would come in the same places however long ``plain`` is.
    """
    if not matches:
        return list(plain)
    known = {one.item.id for one in plain}
    score_items(looking, (one for one in matches if one not in known))
    looked_up = (scored(looking, one) for one in matches if one not in known)
    added = [found.candidates[0] for found in looked_up if found is not None]
    if looking.judge is None:
        return _by_rank(plain, added, matches)
    last = None if whole or not plain else plain[-1].worth
    fused = sorted((_shifted(looking, one, matches.get(one.item.id)) for one in (*plain, *added)), key=order)
    return [one for one in fused if last is None or one.worth >= last]


def _shifted(looking: Looking, one: Candidate, match: KeywordMatch | None) -> Candidate:
    if match is None:
        return one
    moved = looking.judged(one.found, one.shift + WORDS_LOG_ODDS * match.coverage)
    return replace(moved, keywords=match, taken=one.taken)


def _by_rank(
    plain: Sequence[Candidate], added: Sequence[Candidate], matches: dict[str, KeywordMatch]
) -> list[Candidate]:
    """Fused by rank. Beyond the first ``POOL`` of the vectors ranks do not add to those of words."""
    near = [one.item.id for one in plain[:POOL]]
    worth = reciprocal_ranks([near, list(matches)])
    fused = [
        replace(one, worth=worth[one.item.id], by_ranks=True, keywords=matches.get(one.item.id))
        for one in (*plain, *added)
        if one.item.id in worth
    ]
    far = [
        replace(one, worth=1.0 / (RANK_OFFSET + rank), by_ranks=True)
        for rank, one in enumerate(plain, start=1)
        if one.item.id not in worth
    ]
    return [*sorted(fused, key=order), *far]
