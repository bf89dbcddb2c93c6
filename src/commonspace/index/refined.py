"""Approximate first, exact after: a coarse structure names candidates, the full-precision rows decide.

A filter is applied within the coarse search, never after it; where it leaves few rows, those are scored one and all.
"""

from collections.abc import Callable
from threading import Lock
from typing import Final, final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.ascending import places_of
from commonspace.index.coarse import Coarse
from commonspace.index.exact import best_rows
from commonspace.index.held import BLOCK_ROWS, HeldRows
from commonspace.index.index import Ids, Mask, Scores

__all__ = ["ASIDE_ROWS", "EXACT_SHARE", "MAX_DEAD_SHARE", "MAX_GROWTH", "MakeCoarse", "RefinedIndex"]

EXACT_SHARE: Final = 0.02
"""A filter that leaves less than this share of the rows is answered exactly on the rows it leaves."""
MAX_DEAD_SHARE: Final = 0.2
"""Past this share of removed rows everything is built anew without them."""
MAX_GROWTH: Final = 2.0
"""What was fitted to its rows is built anew when there are this many times as many."""
ASIDE_ROWS: Final = 50_000
"""More rows than this are not built anew where a search waits for it: the index says that it ``is_due``."""
CANDIDATES_PER_HIT: Final = 2

MakeCoarse = Callable[[int], Coarse]


@final
class RefinedIndex:
    """Rows under ascending ids, the candidates of each query scored exactly; what is not found is not in it by luck.

    The coarse structure is built when first searched. Threads may search side by side, but not during a change.
    """

    def __init__(self, dimension: int, make_coarse: MakeCoarse, depth: int) -> None:
        self._dimension = dimension
        self._depth = depth
        self._coarse = make_coarse(dimension)
        self._lock = Lock()
        self._rows = HeldRows(dimension)
        self._ids: Ids = np.empty(0, np.int64)
        self._slots: Ids = np.empty(0, np.int64)
        self._alive: Mask = np.empty(0, np.bool_)
        self._num_coded = 0
        self._num_fitted = 0

    @property
    def ids(self) -> Ids:
        """What is held, ascending."""
        return self._ids

    @property
    def exact(self) -> bool:
        """No: scores are exact, but a near row may be missed."""
        return False

    @property
    def is_due(self) -> bool:
        """Whether it is to be built anew, but of too many rows for a search to wait for that."""
        return len(self._rows) > ASIDE_ROWS and self._is_worn()

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Hold more vectors under higher ids; the first ones are not copied if they are read-only."""
        slots = np.arange(len(self._rows), len(self._rows) + len(vectors))
        self._rows.add(vectors)
        self._ids, self._slots = np.concatenate([self._ids, ids]), np.concatenate([self._slots, slots])
        self._alive = np.concatenate([self._alive, np.ones(len(vectors), np.bool_)])

    def remove(self, ids: Ids) -> None:
        """Let go of these ids; past ``MAX_DEAD_SHARE`` of few enough rows the rest is built anew."""
        kept = ~np.isin(self._ids, ids)
        if kept.all():
            return
        self._alive[self._slots[~kept]] = False
        self._ids, self._slots = self._ids[kept], self._slots[kept]
        if len(self._rows) <= ASIDE_ROWS and self._is_worn():
            self.renew()

    def renew(self) -> None:
        """Move what is left together, to be built anew when it is next searched or prepared."""
        if len(self._ids) < len(self._rows):
            rows = HeldRows(self._dimension)
            for at in range(0, len(self._slots), BLOCK_ROWS):
                rows.add(self._rows.take(self._slots[at : at + BLOCK_ROWS]))
            self._rows, self._slots, self._alive = rows, np.arange(len(rows)), np.ones(len(rows), np.bool_)
        self._num_coded = self._num_fitted = 0

    def search(self, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Scores, Ids]:
        """The best ``k`` of the allowed for each query that were looked at, best first, with exact scores."""
        reach = len(self._ids) if allowed is None else int(np.count_nonzero(allowed))
        depth = max(self._depth, CANDIDATES_PER_HIT * k)
        narrow = reach < EXACT_SHARE * len(self._rows) or reach < self._coarse.fewest_rows
        if narrow or reach <= depth:
            scores, found = self._all_of(queries, k, allowed)
        else:
            scores, found = self._some_of(queries, k, depth, allowed)
        return scores, self._named(found)

    def vectors(self, ids: Ids) -> Vectors:
        """The vectors of ids that are held."""
        places = places_of(self._ids, ids)
        return self._rows.take(places if len(self._ids) == len(self._rows) else self._slots[places])

    def prepare(self) -> None:
        """Bring the coarse structure up to the rows; one thread does, the others wait."""
        if self._num_coded == len(self._rows):
            return
        with self._lock:
            count = len(self._rows)
            if self._num_coded == count or count < self._coarse.fewest_rows:
                return
            if not self._num_coded or (count <= ASIDE_ROWS and self._is_worn()):
                self._coarse.build(self._rows)
                self._num_fitted = count
            else:
                self._coarse.extend(self._rows, self._num_coded)
            self._num_coded = count

    def dump(self) -> bytes | None:
        """The coarse structure as bytes, if there is one and it has all rows and no others."""
        self.prepare()
        return self._coarse.dump() if self._num_coded and len(self._ids) == len(self._rows) else None

    def restore(self, ids: Ids, vectors: Vectors, data: bytes, num_coded: int) -> None:
        """Hold the first vectors, with the coarse structure that ``dump`` gave for the first ``num_coded`` of them."""
        self.add(ids, vectors)
        self._coarse.load(data)
        self._num_coded = self._num_fitted = num_coded

    def _is_worn(self) -> bool:
        """Whether too many rows are gone, or the structure was fitted to too few of them."""
        outgrown = self._coarse.is_trained and len(self._rows) > MAX_GROWTH * self._num_fitted > 0
        return outgrown or len(self._ids) < (1 - MAX_DEAD_SHARE) * len(self._rows)

    def _named(self, found: Ids) -> Ids:
        """The ids of slots; -1 stays -1."""
        if len(self._ids) == len(self._rows) and (found >= 0).all():
            return self._ids[found]
        filled = found >= 0
        ids = np.full(found.shape, -1, np.int64)
        ids[filled] = self._ids[np.searchsorted(self._slots, found[filled])]
        return ids

    def _all_of(self, queries: Vectors, k: int, allowed: Mask | None) -> tuple[Scores, Ids]:
        """Every one of the allowed scored, some thousands at a time."""
        slots = self._slots if allowed is None else self._slots[allowed]
        scores = np.full((len(queries), k), -np.inf, np.float32)
        found = np.full((len(queries), k), -1, np.int64)
        for at in range(0, len(slots), BLOCK_ROWS):
            block = slots[at : at + BLOCK_ROWS]
            more, places = best_rows(self._rows.take(block), queries, k, None)
            scores = np.concatenate([scores, more], axis=1)
            found = np.concatenate([found, np.where(places >= 0, block[places], -1)], axis=1)
            order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            scores, found = np.take_along_axis(scores, order, 1), np.take_along_axis(found, order, 1)
        return scores, found

    def _some_of(self, queries: Vectors, k: int, depth: int, allowed: Mask | None) -> tuple[Scores, Ids]:
        """The candidates scored; a query that got fewer than it wants looks at all."""
        self.prepare()
        mask = self._mask(allowed)
        share = 1.0 if mask is None else float(np.count_nonzero(mask)) / len(self._rows)
        candidates = self._coarse.nearest(queries, depth, mask, share)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        found = np.full((len(queries), k), -1, np.int64)
        for number, (query, named) in enumerate(zip(queries, candidates, strict=True)):
            chosen = named if named[-1] >= 0 else named[named >= 0]
            if len(chosen) < k:
                alone = self._all_of(query[np.newaxis], k, allowed)
                scores[number : number + 1], found[number : number + 1] = alone
                continue
            products = self._rows.take(chosen) @ query
            order = np.argsort(-products, kind="stable")[:k]
            scores[number], found[number] = products[order], chosen[order]
        return scores, found

    def _mask(self, allowed: Mask | None) -> Mask | None:
        """By slot what is by id; None if every slot may be found."""
        if len(self._ids) == len(self._rows):
            return allowed
        if allowed is None:
            return self._alive
        mask = np.zeros(len(self._rows), np.bool_)
        mask[self._slots[allowed]] = True
        return mask
