"""What every vector index honours: add, remove, and the best rows by inner product."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from commonspace.core.vectors import Vectors

__all__ = ["Ids", "Index", "Mask", "Scores"]

Ids = NDArray[np.int64]
Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Index(Protocol):
    """Vectors of about unit length under ascending ids, searched by inner product (higher is better)."""

    @property
    def ids(self) -> Ids:
        """What is held, ascending; a mask for ``search`` is aligned with it."""
        ...

    @property
    def exact(self) -> bool:
        """Whether a search surely finds the best; where not, the scores of what it finds are exact all the same."""
        ...

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Hold n more vectors; ``ids`` ascend and lie above every id ever added.

        An array that may be written to is copied; a read-only one (a mapped file) may be kept as it is.
        """
        ...

    def remove(self, ids: Ids) -> None:
        """Let go of these ids; those not held are ignored. Cost O(held)."""
        ...

    def search(self, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Scores, Ids]:
        """The best ``k`` of the allowed for each query, best first; equal scores come in any order.

        As many as there are to be had, at most ``k``: a filter is applied before or within the search, never after.
        Returns queries x k scores and ids; places that nothing fills hold -inf and -1.
        """
        ...

    def vectors(self, ids: Ids) -> Vectors:
        """The vectors of ids that are held, in the order asked for."""
        ...
