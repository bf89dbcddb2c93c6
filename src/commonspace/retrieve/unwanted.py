"""What is not wanted takes away, and never gives: likeness to it beyond chance counts against an item.

Measured (``benchmarks/hybrid.py``): a weight below zero inside the sum of vectors rewards whatever is least like the
unwanted thing, and drowns what was asked for. So an unwanted part is a query of its own: what speaks for it, and only
that, is taken off.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.vectors import unit
from commonspace.index.word_match import words_in
from commonspace.retrieve.asked import AskedPart
from commonspace.retrieve.candidates import Candidate, Looking, nearest, order, score_items, scored
from commonspace.retrieve.fuse import WORDS_LOG_ODDS
from commonspace.retrieve.keywords import coverage, telling_words
from commonspace.retrieve.ranking import POOL

__all__ = ["UNWANTED_SHARE", "Taken", "without_unwanted"]

UNWANTED_SHARE: Final = 0.75
"""How much of an unwanted part's log-odds above chance is taken off at weight one; chosen as that of words was."""
LEADING_AWAY: Final = 0.5
"""An unwanted part's weight in the sum that only looks for candidates."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one unwanted part took: its likeness to the item, its words that stand there, and how much that costs.

    ``cost`` is in log-odds where the query has probabilities, else in score; never below zero.
    """

    label: str
    weight: float
    score: float
    words: tuple[str, ...]
    cost: float


def without_unwanted(looking: Looking, also: Iterable[str] = ()) -> list[Candidate]:
    """The best items less what their likeness to unwanted parts costs them, best first.

    Looked at are the best ``POOL`` for what is wanted, the best ``POOL`` for the sum that leads away, which are there
    even where everything near the query is unwanted, and ``also`` items by their ids.
    """
    found = {one.item.id: one for one in nearest(looking, looking.asked.embedding.vector, POOL)}
    others = [*(one.item.id for one in nearest(looking, _leading_away(looking), POOL)), *also]
    score_items(looking, [*found, *others])
    for other in others:
        own = scored(looking, other)
        if other not in found and own is not None:
            found[other] = own.candidates[0]
    candidates = [one for one in found.values() if scored(looking, one.item.id) is not None]
    parts = looking.asked.unwanted
    standing = [_standing(looking, part, candidates) for part in parts]
    lessened = []
    for place, one in enumerate(candidates):
        taken = tuple(_taken(looking, one, part, words[place]) for part, words in zip(parts, standing, strict=True))
        less = looking.judged(one.found, -sum(each.cost for each in taken))
        lessened.append(replace(less, taken=taken))
    return sorted(lessened, key=order)


def _leading_away(looking: Looking) -> NDArray[np.float32]:
    total = looking.asked.embedding.vector.astype(np.float64)
    for part in looking.asked.unwanted:
        total = total + LEADING_AWAY * part.weight * part.embedding.vector
    if np.linalg.norm(total) < 1e-3:
        return looking.asked.embedding.vector
    away: NDArray[np.float32] = unit(total[None])[0]
    return away


def _standing(looking: Looking, part: AskedPart, candidates: Sequence[Candidate]) -> list[tuple[str, ...]]:
    """Which words of an unwanted text stand in each candidate; none where words do not count."""
    asked = telling_words(part.words) if looking.ranking.keywords is not False else ()
    return words_in(asked, [f"{one.item.name}\n{one.found.text or ''}" for one in candidates])


def _taken(looking: Looking, one: Candidate, part: AskedPart, words: tuple[str, ...]) -> Taken:
    own = scored(looking, one.item.id)
    vector = looking.asked.embedding.vector if own is None else own.vectors[0]
    bias = _product(vector, looking.asked.embedding.vector) - one.found.score
    score = _product(vector, part.embedding.vector) - bias
    cost = max(0.0, score)
    if looking.judge is not None:
        said = WORDS_LOG_ODDS * coverage(telling_words(part.words), words)
        cost = UNWANTED_SHARE * _above_chance(looking, one, part, score) + said
    return Taken(label=part.label, weight=part.weight, score=score, words=words, cost=-part.weight * cost)


def _product(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(one.astype(np.float64) @ other.astype(np.float64))


def _above_chance(looking: Looking, one: Candidate, part: AskedPart, score: float) -> float:
    """By how much likelier an item answers the unwanted part than one drawn blindly, in log-odds, zero at least."""
    judge, modality = looking.judge, part.embedding.modality
    if judge is None:
        return 0.0
    if modality in judge.calibration.queries:  # else it is read as the query itself is
        judge = replace(judge, query=modality)
    verdict = judge.judge(one.item.modality, one.found.modality, score)
    prior = judge.calibration.prior
    return max(0.0, verdict.log_odds - float(np.log(prior / (1.0 - prior))))
