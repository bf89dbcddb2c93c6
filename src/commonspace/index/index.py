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
    """Unit vectors under ascending ids, searched by inner product (higher is better)."""

    @property
    def ids(self) -> Ids:
        """What is held, ascending; a mask for ``search`` is aligned with it."""
        ...

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Hold n more vectors; ``ids`` ascend and lie above every id ever added."""
        ...

    def remove(self, ids: Ids) -> None:
        """Let go of these ids; those not held are ignored. Cost O(held)."""
        ...

    def search(self, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Scores, Ids]:
        """The best ``k`` of the allowed for each query, best first; equal scores come in any order.

        Returns queries x k scores and ids; places that nothing fills hold -inf and -1.
        """
        ...

    def vectors(self, ids: Ids) -> Vectors:
        """The vectors of ids that are held, in the order asked for."""
        ...
