"""FAISS's flat inner-product index: the same answers as the reference, with FAISS holding the rows."""

from typing import Any, final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.ascending import places_of
from commonspace.index.exact import best_rows
from commonspace.index.index import Ids, Mask, Scores

__all__ = ["FEWEST_BATCHED_QUERIES", "FlatIndex"]

FEWEST_BATCHED_QUERIES = 8
"""From here on one matrix product over FAISS's rows beats FAISS's own loop (6x at 100 queries, docs/store.md)."""


@final
class FlatIndex:
    """An ``IndexFlatIP`` whose row numbers stand for ascending ids. FAISS is imported with the first one."""

    def __init__(self, dimension: int) -> None:
        import faiss  # a second of start-up that only searching needs

        self._faiss: Any = faiss
        self._index: Any = faiss.IndexFlatIP(dimension)
        self._dimension = dimension
        self._ids: Ids = np.empty(0, np.int64)

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
        self._index.add(np.ascontiguousarray(vectors))
        self._ids = np.concatenate([self._ids, ids])

    def remove(self, ids: Ids) -> None:
        """Let go of these ids."""
        gone = np.isin(self._ids, ids)
        if gone.any():
            bits = np.packbits(gone, bitorder="little")
            self._index.remove_ids(self._faiss.IDSelectorBitmap(bits))
            self._ids = self._ids[~gone]

    def search(self, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Scores, Ids]:
        """The best ``k`` of the allowed for each query, best first."""
        if len(queries) >= FEWEST_BATCHED_QUERIES or not len(self._ids):
            scores, rows = best_rows(self._rows(), queries, k, allowed)
        else:
            scores, rows = self._scan(queries, k, allowed)
        return scores, np.where(rows >= 0, self._ids[np.maximum(rows, 0)], -1) if len(self._ids) else rows

    def vectors(self, ids: Ids) -> Vectors:
        """The vectors of ids that are held."""
        return self._rows()[places_of(self._ids, ids)]

    def _scan(self, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Scores, Ids]:
        parameters = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            parameters = self._faiss.SearchParameters(sel=self._faiss.IDSelectorBitmap(bits))
        scores, rows = self._index.search(np.ascontiguousarray(queries), k, params=parameters)
        return np.where(rows >= 0, scores, np.float32(-np.inf)), rows

    def _rows(self) -> Vectors:
        """FAISS's own memory, not copied; good until the next add or remove."""
        count = len(self._ids)
        if not count:
            return np.empty((0, self._dimension), np.float32)
        flat: Vectors = self._faiss.rev_swig_ptr(self._index.get_xb(), count * self._dimension)
        return flat.reshape(count, self._dimension)
