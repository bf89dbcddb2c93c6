"""The reference index: NumPy, every row scored, nothing approximated."""

from typing import final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.ascending import places_of
from commonspace.index.index import Ids, Mask, Scores

__all__ = ["ExactIndex", "best_rows"]

BLOCK_ROWS = 16_384


@final
class ExactIndex:
    """Rows in one array; adding and removing copy it."""

    def __init__(self, dimension: int) -> None:
        self._ids: Ids = np.empty(0, np.int64)
        self._rows: Vectors = np.empty((0, dimension), np.float32)

    @property
    def ids(self) -> Ids:
        """What is held, ascending."""
        return self._ids

    @property
    def exact(self) -> bool:
        """Yes: every allowed row is scored."""
        return True

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Hold more vectors under higher ids."""
        self._ids, self._rows = np.concatenate([self._ids, ids]), np.concatenate([self._rows, vectors])

    def remove(self, ids: Ids) -> None:
        """Let go of these ids."""
        kept = ~np.isin(self._ids, ids)
        self._ids, self._rows = self._ids[kept], self._rows[kept]

    def search(self, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Scores, Ids]:
        """The best ``k`` of the allowed for each query, best first."""
        scores, rows = best_rows(self._rows, queries, k, allowed)
        return scores, np.where(rows >= 0, np.append(self._ids, -1)[rows], -1)

    def vectors(self, ids: Ids) -> Vectors:
        """The vectors of ids that are held."""
        return self._rows[places_of(self._ids, ids)]


def best_rows(rows: Vectors, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Scores, Ids]:
    """The best ``k`` row numbers for each query, best first, by blocks of rows; -inf and -1 fill up.

    Memory is O(queries x (``BLOCK_ROWS`` + k)), whatever the number of rows.
    """
    scores = np.full((len(queries), k), -np.inf, np.float32)
    found = np.full((len(queries), k), -1, np.int64)
    for start in range(0, len(rows), BLOCK_ROWS):
        numbers = np.arange(start, min(start + BLOCK_ROWS, len(rows)))
        if allowed is not None:
            numbers = numbers[allowed[numbers]]
        block = rows[start : start + BLOCK_ROWS] if allowed is None else rows[numbers]
        candidates = np.concatenate([scores, queries @ block.T], axis=1)
        names = np.concatenate([found, np.broadcast_to(numbers, (len(queries), len(numbers)))], axis=1)
        best = np.argpartition(-candidates, k - 1, axis=1)[:, :k]
        scores, found = np.take_along_axis(candidates, best, 1), np.take_along_axis(names, best, 1)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(scores, order, 1), np.take_along_axis(found, order, 1)
