"""How well a ranking found what it should: hit rates, ranks, chance, and how sure the figures are.

Every function takes values and gives values. A query's *rank* is that of its best relevant item, counted from one.
Ties are counted against the system: an irrelevant item with exactly the score of the best relevant one stands before
it, so a model that gives everything one score gets the worst rank, never a lucky one.
"""

from dataclasses import dataclass
from math import comb
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "best_ranks", "bootstrap_interval", "chance_recall", "median_rank", "recall_at"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval of a mean: its two ends."""

    low: float
    high: float


def best_ranks(scores: NDArray[np.floating], relevant: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The rank of each query's best relevant item, from one, ties counted against it.

    ``scores`` and ``relevant`` are queries x items; higher scores are better. The rank is one plus the number of
    irrelevant items whose score is at least that of the best relevant item.

    Raises:
        ValueError: the shapes differ, a score is not a number, or a query has no relevant item.
    """
    if scores.shape != relevant.shape or scores.ndim != 2:
        raise ValueError(f"Scores are {scores.shape} and relevance is {relevant.shape}: both must be queries x items.")
    if np.isnan(scores).any():
        raise ValueError("A score is not a number: ranks would depend on how it happens to sort.")
    lacking = np.flatnonzero(~relevant.any(axis=1))
    if len(lacking):
        raise ValueError(f"Query {lacking[0]} has no relevant item: leave out such queries and say how many.")
    best = np.where(relevant, scores, -np.inf).max(axis=1, keepdims=True)
    return np.asarray(1 + ((scores >= best) & ~relevant).sum(axis=1), dtype=np.int64)


def recall_at(ranks: NDArray[np.integer], k: int) -> float:
    """The share of queries whose best relevant item stands at rank ``k`` or better; higher is better.

    This is what cross-modal papers call R@k, and elsewhere the hit rate or success at k: any one relevant item counts.

    Raises:
        ValueError: ``k`` is below one, or there are no ranks.
    """
    if k < 1 or not len(ranks):
        raise ValueError(f"k is {k} and there are {len(ranks)} ranks: both must be at least one.")
    return float(np.mean(ranks <= k))


def median_rank(ranks: NDArray[np.integer]) -> float:
    """The middle rank (the mean of the two middle ones where their number is even); lower is better, one is perfect.

    Raises:
        ValueError: there are no ranks.
    """
    if not len(ranks):
        raise ValueError("There are no ranks to take the middle of.")
    return float(np.median(ranks))


def chance_recall(num_items: int, num_relevant: NDArray[np.integer], k: int) -> float:
    """What ``recall_at`` a uniformly random order of the items would score on average, exactly.

    For a query with ``r`` relevant items of ``n``, the hypergeometric chance that none of the first ``k`` is relevant
    is C(n - r, k) / C(n, k); the answer is one minus that, averaged over queries. ``k`` past ``n`` counts as ``n``.

    Raises:
        ValueError: ``k`` is below one, there are no queries, or a query's relevant items are not between 1 and ``n``.
    """
    if k < 1 or not len(num_relevant):
        raise ValueError(f"k is {k} and there are {len(num_relevant)} queries: both must be at least one.")
    if num_relevant.min() < 1 or num_relevant.max() > num_items:
        raise ValueError(f"Relevant items must number 1 to {num_items} for every query.")
    drawn = min(k, num_items)
    orders = comb(num_items, drawn)
    missed = {number: comb(num_items - number, drawn) / orders for number in set(num_relevant.tolist())}
    return 1.0 - float(np.mean([missed[number] for number in num_relevant.tolist()]))


def bootstrap_interval(
    values: NDArray[np.floating], *, seed: int, num_resamples: int = 2_000, confidence: float = 0.95
) -> Interval:
    """The percentile bootstrap interval of the mean of one value a query (Efron and Tibshirani 1993, chapter 13).

    Queries are drawn with replacement, so the interval speaks of other queries like these, not of another corpus.
    The same seed gives the same interval. Memory is queries x resamples.

    Raises:
        ValueError: there are no values, or the confidence is not between zero and one.
    """
    if not len(values) or not 0.0 < confidence < 1.0:
        raise ValueError(f"There are {len(values)} values and the confidence is {confidence}: need one, and 0 to 1.")
    drawn = np.random.default_rng(seed).integers(0, len(values), (num_resamples, len(values)))
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values[drawn].mean(axis=1), (tail, 1.0 - tail))
    return Interval(low=float(low), high=float(high))
