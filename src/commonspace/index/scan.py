"""Four bits a dimension of every row, all of them scanned: no training to go stale, and one knob.

The codes are TurboQuant's (turbovec): a random rotation, then fixed levels; norms are kept, so rows need not be unit.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.held import HeldRows
from commonspace.index.index import Ids, Mask

__all__ = ["CodeScan", "scan_is_here"]

BITS = 4
MULTIPLE = 8


def scan_is_here() -> bool:
    """Whether turbovec is installed: it is a dependency on Linux only."""
    return find_spec("turbovec") is not None


@final
class CodeScan:
    """A coarse structure that looks at the codes of all allowed rows."""

    fewest_rows = 1_024
    is_trained = False

    def __init__(self, dimension: int) -> None:
        self._library: Any = import_module("turbovec")  # it has no types
        self._width = -(-dimension // MULTIPLE) * MULTIPLE
        self._codes: Any = None

    def build(self, rows: HeldRows) -> None:
        """Code every row; 0.7 s for 100,000 of 384 dimensions."""
        self._codes = self._library.TurboQuantIndex(self._width, bit_width=BITS)
        self.extend(rows, 0)

    def extend(self, rows: HeldRows, start: int) -> None:
        """Code the later rows too."""
        for block in rows.blocks(start):
            self._codes.add(self._padded(block))
        self._codes.prepare()

    def nearest(self, queries: Vectors, count: int, allowed: Mask | None, share: float) -> Ids:
        """Scan the codes of the allowed; ``share`` changes nothing."""
        del share
        _, found = self._codes.search(self._padded(queries), count, mask=allowed)
        if found.shape[1] == count:
            slots: Ids = found.astype(np.int64)
            return slots
        slots = np.full((len(queries), count), -1, np.int64)
        slots[:, : found.shape[1]] = found
        return slots

    def dump(self) -> bytes:
        """The codes."""
        data: bytes = self._codes.to_bytes()
        return data

    def load(self, data: bytes) -> None:
        """The codes as they were."""
        self._codes = self._library.TurboQuantIndex.from_bytes(data)
        self._codes.prepare()

    def _padded(self, rows: Vectors) -> Vectors:
        """Rows as wide as the library wants them: a multiple of eight, filled with zeros."""
        if rows.shape[1] == self._width:
            return np.ascontiguousarray(rows)
        wide = np.zeros((len(rows), self._width), np.float32)
        wide[:, : rows.shape[1]] = rows
        return wide
