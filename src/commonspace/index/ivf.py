"""Inverted lists: rows by their nearest of many centres; a query looks into the lists of its nearest centres."""

from enum import StrEnum
from math import ceil, sqrt
from typing import Any, final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.held import HeldRows
from commonspace.index.index import Ids, Mask

__all__ = ["Codec", "InvertedLists", "num_lists"]

LISTS_PER_ROOT = 4
ROWS_PER_LIST_TO_TRAIN = 48
PROBED_SHARE = 1 / 10
MULTIPLE = 4


class Codec(StrEnum):
    """How a row is written in its list, as FAISS's factory calls it."""

    FLAT = "Flat"
    SQ8 = "SQ8"
    PQ = "PQ{quarters}x4fs"
    RABITQ = "RaBitQfs"


def num_lists(num_rows: int) -> int:
    """How many lists so many rows get: four times the root."""
    return max(1, round(LISTS_PER_ROOT * sqrt(num_rows)))


@final
class InvertedLists:
    """FAISS's IVF in one of four codecs; how many lists a query looks into is ``probes``, a tenth if not said.

    Under a filter it looks into as many more lists as rows are left out. Codes but ``FLAT`` are of residuals.
    """

    fewest_rows = 5_000
    is_trained = True

    def __init__(self, dimension: int, codec: Codec, probes: int | None = None) -> None:
        import faiss

        self._faiss: Any = faiss
        self._codec = codec
        self._probes = probes
        self._width = -(-dimension // MULTIPLE) * MULTIPLE
        self._index: Any = None

    def build(self, rows: HeldRows) -> None:
        """Find the centres in a sample and file every row; about 10 s for 100,000 of 384 dimensions."""
        lists = num_lists(len(rows))
        name = f"IVF{lists},{self._codec.value.format(quarters=self._width // MULTIPLE)}"
        self._index = self._faiss.index_factory(self._width, name, self._faiss.METRIC_INNER_PRODUCT)
        self._index.cp.min_points_per_centroid = 1
        self._index.train(self._padded(rows.sample(ROWS_PER_LIST_TO_TRAIN * lists)))
        self.extend(rows, 0)

    def extend(self, rows: HeldRows, start: int) -> None:
        """File the later rows under the old centres."""
        for block in rows.blocks(start):
            self._index.add(self._padded(block))

    def nearest(self, queries: Vectors, count: int, allowed: Mask | None, share: float) -> Ids:
        """Look into the nearest lists."""
        probes = self._probes or ceil(PROBED_SHARE * self._index.nlist)
        parameters = self._faiss.SearchParametersIVF(nprobe=min(self._index.nlist, ceil(probes / share)))
        if allowed is not None:
            selector = self._faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            parameters.sel = selector
        _, slots = self._index.search(self._padded(queries), count, params=parameters)
        found: Ids = slots
        return found

    def dump(self) -> bytes:
        """Centres and lists."""
        return bytes(self._faiss.serialize_index(self._index))

    def load(self, data: bytes) -> None:
        """Centres and lists as they were."""
        self._index = self._faiss.deserialize_index(np.frombuffer(data, np.uint8))

    def _padded(self, rows: Vectors) -> Vectors:
        if rows.shape[1] == self._width:
            return np.ascontiguousarray(rows)
        wide = np.zeros((len(rows), self._width), np.float32)
        wide[:, : rows.shape[1]] = rows
        return wide
