"""Answers that differ from one another: maximal marginal relevance, and near duplicates folded under the best."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from commonspace.core.vectors import Vectors

__all__ = ["folds", "marginal_order"]


def marginal_order(worth: NDArray[np.float64], vectors: Vectors, trade: float) -> list[int]:
    """The order of maximal marginal relevance (Carbonell and Goldstein 1998), as places in ``worth`` (n, best first).

    Next comes the item with the most of ``trade`` times its worth (scaled to 0 to 1) less (1 - ``trade``) times its
    cosine to the likest item before it; equal ones keep their order. A trade (lambda) of one gives the plain order.
    ``vectors`` are n unit rows. Cost O(n^2 d).
    """
    if not len(worth):
        return []
    spread = float(worth.max() - worth.min()) or 1.0
    gain = trade * (worth - worth.min()) / spread
    likest = np.zeros(len(worth))
    left = np.ones(len(worth), np.bool_)
    chosen: list[int] = []
    while len(chosen) < len(worth):
        marginal = np.where(left, gain - (1.0 - trade) * likest, -np.inf)
        best = int(np.argmax(marginal))
        chosen.append(best)
        left[best] = False
        likest = np.maximum(likest, vectors @ vectors[best])
    return chosen


def folds(kinds: Sequence[Hashable], contents: Sequence[str], vectors: Vectors, cosine: float) -> list[list[int]]:
    """Places in groups: the first of each is kept, the others, in order, are near duplicates of it.

    An item joins the first kept item of its kind that has the same content, or at least this cosine to it. Every
    place is in one group. Cost O(n x groups x d).
    """
    groups: list[list[int]] = []
    for place in range(len(kinds)):
        home = next((group for group in groups if _alike(group[0], place, kinds, contents, vectors, cosine)), None)
        if home is None:
            groups.append([place])
        else:
            home.append(place)
    return groups


def _alike(
    kept: int, place: int, kinds: Sequence[Hashable], contents: Sequence[str], vectors: Vectors, cosine: float
) -> bool:
    if kinds[kept] != kinds[place]:
        return False
    return contents[kept] == contents[place] or float(vectors[kept] @ vectors[place]) >= cosine
