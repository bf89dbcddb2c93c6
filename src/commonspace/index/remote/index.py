"""A vector index over rows in a networked store: memory holds ids only, every score is computed here from float32.

A filter goes into the store's own search as a list of ids, of those allowed or of those not, whichever is shorter; what
few rows a narrow one leaves are fetched and scored one and all.
"""

from typing import Final, final

import numpy as np

from commonspace.core.errors import StoreError
from commonspace.core.vectors import Vectors
from commonspace.index.exact import best_rows
from commonspace.index.index import Ids, Mask, Scores
from commonspace.index.lasting import Stamp
from commonspace.index.remote.recent import RecentRows
from commonspace.index.remote.table import Among, RemoteTable, Rows

__all__ = ["RemoteIndex"]

CHUNK_ROWS: Final = 1_024
FETCHED_ROWS: Final = 256
FETCHED_SHARE: Final = 0.02
MOST_FETCHED_ROWS: Final = 4_096
MOST_SWEEPS: Final = 4


@final
class RemoteIndex:
    """Rows elsewhere, brought there in ascending order of their ids and searched there."""

    def __init__(self, dimension: int, table: RemoteTable) -> None:
        self._dimension = dimension
        self._table = table
        self._recent = RecentRows(dimension)
        self._ids: Ids = np.empty(0, np.int64)
        self._others = False

    @property
    def ids(self) -> Ids:
        """What is held, ascending."""
        return self._ids

    @property
    def exact(self) -> bool:
        """Whether the store looks at every row."""
        return self._table.exact

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Hold more vectors under higher ids; where this fails half way, bringing them again does no harm.

        Raises:
            StoreError: the store cannot be reached, or refuses.
        """
        for at in range(0, 0 if self._others else len(ids), CHUNK_ROWS):
            part = slice(at, at + CHUNK_ROWS)
            self._table.upsert(Rows(ids=ids[part], vectors=np.ascontiguousarray(vectors[part], np.float32)))
        self._ids = np.concatenate([self._ids, ids])

    def remove(self, ids: Ids) -> None:
        """Let go of these ids, and of rows that lie there without being held.

        Raises:
            StoreError: the store cannot be reached, or refuses.
        """
        for at in range(0, 0 if self._others else len(ids), CHUNK_ROWS):
            self._table.delete(ids[at : at + CHUNK_ROWS])
        self._ids = self._ids[~np.isin(self._ids, ids)]

    def search(self, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Scores, Ids]:
        """The best ``k`` of the allowed for each query, best first.

        Raises:
            StoreError: the store cannot be reached, or refuses.
        """
        scores = np.full((len(queries), k), -np.inf, np.float32)
        ids = np.full((len(queries), k), -1, np.int64)
        left = len(self._ids) if allowed is None else int(allowed.sum())
        if not left:
            return scores, ids
        few = None
        if allowed is not None and left <= max(FETCHED_ROWS, min(FETCHED_SHARE * len(allowed), MOST_FETCHED_ROWS)):
            few = self._fetched(self._ids[allowed])
        among = self._among(allowed, left)
        for query, row_scores, row_ids in zip(queries, scores, ids, strict=True):
            rows = self._nearest(query, min(k, left), among) if few is None else few
            best, places = best_rows(rows.vectors, query[None], min(k, max(1, len(rows.ids))), None)
            filled = places[0] >= 0
            row_scores[: filled.sum()], row_ids[: filled.sum()] = best[0][filled], rows.ids[places[0][filled]]
        return scores, ids

    def vectors(self, ids: Ids) -> Vectors:
        """The vectors of ids that are held.

        Raises:
            StoreError: rows are lacking in the store, or it cannot be reached.
        """
        rows = self._fetched(ids)
        order = np.argsort(rows.ids, kind="stable")
        places = np.searchsorted(rows.ids[order], ids)
        if len(rows.ids) == 0 or not np.array_equal(np.append(rows.ids[order], -1)[places], ids):
            if len(ids) == 0:
                return np.empty((0, self._dimension), np.float32)
            raise StoreError(
                "Rows of the networked index are lacking: somebody else removed them.",
                fix="Search again; if it comes back, open the store anew, which brings them there again.",
            )
        return rows.vectors[order][places]

    def attach(self, store: str) -> None:
        """Turn to the rows of the store with this identity."""
        self._table.attach(store)

    def restart(self, stamp: Stamp) -> None:
        """Let go of every row, and keep this stamp."""
        self._table.clear(stamp.text())
        self._recent.clear()
        self._ids = np.empty(0, np.int64)

    def resume(self, ids: Ids) -> None:
        """Hold these ids, whose rows are there already."""
        self._ids = ids

    def only_hold(self, *, others: bool) -> None:
        """Whether somebody else has brought to the rows already what is added and removed from now on."""
        self._others = others

    def stamp(self) -> Stamp | None:
        """The stamp as it is now."""
        return Stamp.of_text(self._table.read_stamp())

    def seal(self, stamp: Stamp) -> None:
        """Make what was added searchable, then keep this stamp."""
        self._table.settle()
        self._table.write_stamp(stamp.text())

    def lacks(self) -> bool:
        """Whether fewer rows are there than are held."""
        return len(self._ids) > 0 and self._table.count(int(self._ids[-1])) < len(self._ids)

    def listed(self, last: int) -> Ids:
        """The ids of all rows up to ``last``, ascending."""
        return np.sort(self._table.listed(last))

    def close(self) -> None:
        """Let go of connections."""
        self._table.close()

    def _among(self, allowed: Mask | None, left: int) -> Among:
        last = int(self._ids[-1])
        if allowed is None or left == len(allowed):
            return Among(last=last)
        share = left / len(allowed)
        if share <= 0.5:
            return Among(last=last, only=self._ids[allowed], share=share)
        return Among(last=last, never=self._ids[~allowed], share=share)

    def _nearest(self, query: Vectors, k: int, among: Among) -> Rows:
        """The store's nearest rows; strays, which a reader that died left behind, are removed on the way."""
        for _ in range(MOST_SWEEPS):
            rows = self._table.nearest(query, k, among)
            stray = rows.ids[~np.isin(rows.ids, self._ids)]
            if not len(stray):
                self._recent.put(rows)
                return rows
            self._table.delete(stray)
            never = stray if among.never is None else np.union1d(among.never, stray)
            among = Among(last=among.last, only=among.only, never=never, share=among.share)
        raise StoreError(
            "The networked index keeps finding rows that this store does not hold.",
            fix="Set index.collection to a name of this store's own.",
        )

    def _fetched(self, ids: Ids) -> Rows:
        """Rows by id, from memory or from the store; those that are lacking there are left out."""
        lacking = self._recent.lacking(ids)
        parts = [self._recent.take(ids)]
        for at in range(0, len(lacking), CHUNK_ROWS):
            parts.append(self._table.fetch(lacking[at : at + CHUNK_ROWS]))
            self._recent.put(parts[-1])
        return Rows(
            ids=np.concatenate([part.ids for part in parts]), vectors=np.concatenate([part.vectors for part in parts])
        )
