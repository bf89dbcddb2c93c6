"""Full-precision rows, kept once: what came from a mapped file stays there, what is added later is in memory."""

from collections.abc import Iterator
from typing import final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.index import Ids

__all__ = ["BLOCK_ROWS", "HeldRows"]

BLOCK_ROWS = 16_384


@final
class HeldRows:
    """Rows by slot: how many were added before. The first rows are held uncopied if they are read-only."""

    def __init__(self, dimension: int) -> None:
        self._base: Vectors = np.empty((0, dimension), np.float32)
        self._tail: Vectors = np.empty((0, dimension), np.float32)
        self._num_in_tail = 0

    def __len__(self) -> int:
        return len(self._base) + self._num_in_tail

    def add(self, vectors: Vectors) -> None:
        """Put rows behind the last; writeable ones are copied. Amortised cost O(added)."""
        if not len(self) and not vectors.flags.writeable:
            self._base = vectors
            return
        needed = self._num_in_tail + len(vectors)
        if needed > len(self._tail):
            wider = np.empty((max(needed, 2 * len(self._tail)), vectors.shape[1]), np.float32)
            wider[: self._num_in_tail] = self._tail[: self._num_in_tail]
            self._tail = wider
        self._tail[self._num_in_tail : needed] = vectors
        self._num_in_tail = needed

    def take(self, slots: Ids) -> Vectors:
        """The rows at these slots, in the order asked for, as a copy."""
        first = len(self._base)
        if not self._num_in_tail:
            return self._base[slots]
        if not first:
            return self._tail[slots]
        rows = np.empty((len(slots), self._tail.shape[1]), np.float32)
        late = slots >= first
        rows[~late], rows[late] = self._base[slots[~late]], self._tail[slots[late] - first]
        return rows

    def blocks(self, start: int = 0) -> Iterator[Vectors]:
        """The rows from slot ``start`` on, some thousands at a time."""
        for part, offset in ((self._base, 0), (self._tail[: self._num_in_tail], len(self._base))):
            for at in range(max(0, start - offset), len(part), BLOCK_ROWS):
                yield part[at : at + BLOCK_ROWS]

    def sample(self, count: int) -> Vectors:
        """So many rows drawn evenly, the same ones every time; all where there are no more."""
        if count >= len(self):
            return self.take(np.arange(len(self)))
        return self.take(np.sort(np.random.default_rng(0).choice(len(self), count, replace=False)))
