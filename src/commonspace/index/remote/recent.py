"""Rows that a networked store has just handed out: an id's vector never changes, so they need no second journey."""

from threading import Lock
from typing import Final, final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.index import Ids
from commonspace.index.remote.table import Rows

__all__ = ["RecentRows"]

MOST_BYTES: Final = 32_000_000


@final
class RecentRows:
    """Up to some 32 MB of rows; the oldest leave first. Any number of threads may use it."""

    def __init__(self, dimension: int) -> None:
        self._most = max(1, MOST_BYTES // (4 * dimension))
        self._dimension = dimension
        self._rows: dict[int, Vectors] = {}
        self._lock = Lock()

    def put(self, rows: Rows) -> None:
        """Remember rows."""
        with self._lock:
            for name, vector in zip(rows.ids.tolist(), rows.vectors, strict=True):
                self._rows[name] = vector.copy()
            for name in list(self._rows)[: max(0, len(self._rows) - self._most)]:
                del self._rows[name]

    def lacking(self, ids: Ids) -> Ids:
        """Those of these ids that are not remembered."""
        with self._lock:
            return np.array([name for name in ids.tolist() if name not in self._rows], np.int64)

    def take(self, ids: Ids) -> Rows:
        """Those of these that are remembered."""
        with self._lock:
            found = [(name, self._rows[name]) for name in ids.tolist() if name in self._rows]
        return Rows.of([name for name, _ in found], [row for _, row in found], self._dimension)

    def clear(self) -> None:
        """Remember nothing."""
        with self._lock:
            self._rows.clear()
