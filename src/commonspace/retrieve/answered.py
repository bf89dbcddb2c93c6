"""Queries whose answers are known, against one tower's vectors in a store: an item scores as its best segment does."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.vectors import Vectors
from commonspace.retrieve.labelled import Matched

__all__ = ["Answered", "Held"]

Mask = NDArray[np.bool_]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """What one tower made of a store's items: segments (m x d), item by item; ``starts`` is each item's first."""

    vectors: Vectors
    starts: NDArray[np.int64]

    def __post_init__(self) -> None:
        ascending = len(self.starts) > 0 and self.starts[0] == 0 and bool((np.diff(self.starts) > 0).all())
        if not ascending or self.starts[-1] >= len(self.vectors):
            raise ValueError(f"{len(self.starts)} items do not begin, one after another, in {len(self.vectors)} rows.")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answered:
    """Queries of one modality (n x d) against what a tower holds; ``relevant`` and ``counted`` are queries x items.

    A pair that does not count is as if it were not there: the query's own item.
    """

    queries: Vectors
    held: Held
    relevant: Mask
    counted: Mask

    def __post_init__(self) -> None:
        shape = len(self.queries), len(self.held.starts)
        if not self.relevant.shape == self.counted.shape == shape:
            raise ValueError(f"Relevance {self.relevant.shape}, counted {self.counted.shape}: both must be {shape}.")

    @property
    def has_answer(self) -> Mask:
        """Which queries have something to find here."""
        return np.asarray((self.relevant & self.counted).any(axis=1), np.bool_)

    @property
    def groups(self) -> NDArray[np.int64]:
        """Which queries ask for the same: those that share an answer, also by way of others; -1 where there is none.

        A group is named by an item's place.
        """
        right = self.relevant & self.counted
        items = np.arange(right.shape[1])
        while True:
            queries = np.where(right, items, right.shape[1]).min(axis=1, initial=right.shape[1])
            linked = np.minimum(
                items, np.where(right, queries[:, None], right.shape[1]).min(axis=0, initial=len(items))
            )
            if (linked == items).all():
                return np.where(right.any(axis=1), queries, -1).astype(np.int64)
            items = linked

    def scored(self, bias: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Every query against every item, by the item's best segment, less the segments' biases (m)."""
        likeness = self.queries @ self.held.vectors.T
        corrected = likeness if bias is None else likeness - bias
        return np.asarray(np.maximum.reduceat(corrected, self.held.starts, axis=1), np.float32)

    def matched(self, bias: NDArray[np.float32] | None = None, *, among: Mask | None = None) -> Matched:
        """The queries that have something to find, or those of them that a mask names."""
        kept = self.has_answer if among is None else self.has_answer & among
        return Matched(scores=self.scored(bias)[kept], relevant=self.relevant[kept], counted=self.counted[kept])
