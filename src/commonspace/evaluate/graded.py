"""How high the relevant items stand in a list: nDCG, with ties counted against the system."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["ndcg_at"]


def ndcg_at(scores: NDArray[np.floating], relevant: NDArray[np.bool_], k: int) -> NDArray[np.float64]:
    """Each query's normalised discounted cumulative gain at ``k`` (Jarvelin and Kekalainen 2002), relevance 0 or 1.

    ``scores`` and ``relevant`` are queries x items; higher scores stand first, and of equal ones the irrelevant. The
    gain at rank r is 1 / log2(r + 1), over that of the best possible order. Higher is better, one is perfect. A score
    of minus infinity leaves an item out.

    Raises:
        ValueError: the shapes differ, ``k`` is below one, a score is not a number, or a query has nothing to find.
    """
    if scores.shape != relevant.shape or scores.ndim != 2 or k < 1 or np.isnan(scores).any():
        raise ValueError(f"Scores {scores.shape}, relevance {relevant.shape}, k {k}: need two alike, numbers, k >= 1.")
    found = relevant & (scores > -np.inf)
    if not found.any(axis=1).all():
        raise ValueError("A query has no relevant item: leave out such queries and say how many.")
    order = np.lexsort((found, -scores), axis=1)[:, :k]
    discounts = 1.0 / np.log2(np.arange(2, order.shape[1] + 2))
    gained = (np.take_along_axis(found, order, 1) * discounts).sum(axis=1)
    ideal = np.cumsum(discounts)[np.minimum(found.sum(axis=1), order.shape[1]) - 1]
    return np.asarray(gained / ideal, np.float64)
