"""The store's vectors in memory: loaded from the snapshot, brought up to date from the database, searched.

It trusts only the database: whatever the snapshot lacks is replayed, and what is not sure is rebuilt. What is built
over the snapshot's vectors is kept in a file of its own (``built``), so that it is built once.
"""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.attributes import Attributes, Condition
from commonspace.index.bias import ItemBias, extended, extended_queries
from commonspace.index.built import Built, built_path, read_built, stamp_of, write_built
from commonspace.index.columns import CHUNK_ROWS, CODES, Columns, removals_since, segment_chunks
from commonspace.index.index import Ids, Index, Mask, Scores
from commonspace.index.kinds import Choice, automatic, chosen, made
from commonspace.index.lasting import Kept, Lasting
from commonspace.index.refined import RefinedIndex
from commonspace.index.schema import number
from commonspace.index.snapshot import mark_of, read_snapshot

__all__ = ["Answers", "MakeIndex", "Resident", "Sought"]

MakeIndex = Callable[[int], Index]
Answers = list[list[tuple[int, float]]]
"""For each query, segments and their scores, best first."""

SPARE_CANDIDATES = 16
WIDENING = 4
WORTH_WRITING = 1.25
"""What was built is written again once the snapshot has this many times the rows that the file covers."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sought:
    """What a search wants: the best ``k`` segments, of items of these modalities, made by these towers (None: by any).

    With ``where``, only of items for which this condition holds; with ``best_of_item``, an item's best
    segment only.
    """

    queries: Vectors
    k: int
    modalities: Collection[Modality] | None = None
    towers: Collection[Modality] | None = None
    where: Condition | None = None
    best_of_item: bool = False


@final
class Resident:
    """An index with what is known of its segments, as of one sequence number.

    With a bias the index holds one dimension more (``bias`` says why). While one thread catches up, no other
    may use it (``mirror`` sees to that). With ``make_index`` None the index is the one that the store was told to
    use, else the one for its size.
    """

    def __init__(
        self, folder: Path, dimension: int, make_index: MakeIndex | None, bias: ItemBias | None = None
    ) -> None:
        self._folder = folder
        self._dimension = dimension
        self._make_index = make_index
        self._bias = bias
        largest = 1.0 if bias is None else 2.0  # a cosine less a bias, each at most one
        self._rounding = 1.01 * (dimension + 1) * largest * 2.0**-24
        self._sequence: int | None = None
        self._attributes = Attributes(folder)
        self._choice = automatic(0)
        self._kept: Kept | None = None
        self._clear()

    @property
    def sequence(self) -> int | None:
        """The state of the store that this shows; None before the first ``catch_up``, or after a failed one."""
        return self._sequence

    @property
    def columns(self) -> Columns:
        """What is known of the segments shown."""
        return self._columns

    @property
    def choice(self) -> Choice:
        """What the store was told to search with, else what its size suggests."""
        return self._choice

    @property
    def index(self) -> Index:
        """The index over the segments shown."""
        return self._index

    def catch_up(self, connection: sqlite3.Connection, *, may_go_back: bool = True) -> None:
        """Show what ``connection`` sees. If this fails, nothing is shown until it succeeds.

        Where others have brought rows that are kept elsewhere to a later state, or begun them anew, nothing changes:
        a new transaction is due. With ``may_go_back`` they are brought back to this state instead.
        """
        target = number(connection, "sequence")
        horizon = number(connection, "horizon")
        known, self._sequence = self._sequence, None
        if self._kept is not None and self._kept.ahead(connection):
            if not may_go_back:
                self._sequence = known
                return
            known = None
        if known is None or not horizon <= known <= target:
            known = self._load(connection, _num_segments(connection))
        if known < target:
            if self._kept is not None:
                self._kept.announce(connection, known)
            self._replay(connection, known)
        if self._kept is not None and not self._kept.seal(connection):
            return
        if self._choice_for(connection, len(self._columns.ids)) != self._choice:
            self._replay(connection, self._load(connection, len(self._columns.ids)))
        self._sequence = target

    def search(self, connection: sqlite3.Connection, sought: Sought) -> Answers:
        """The best segments for each query, best first; ``connection`` sees the state that is shown.

        They are the exact best if the index is exact; of any other, the best of what it found, at least as many.

        Scores are summed in float64, one way only, so an answer does not depend on the index, the batch
        or the order of insertion; equal scores come by item id, then by position in the item.
        """
        allowed = self._allowed(connection, sought)
        queries = sought.queries if self._bias is None else extended_queries(sought.queries)
        reachable = len(self._columns.ids) if allowed is None else int(allowed.sum())
        answers: Answers = [[] for _ in sought.queries]
        pending = list(range(len(sought.queries))) if reachable else []
        width = min(sought.k + SPARE_CANDIDATES, reachable)
        while pending:
            asked = queries if len(pending) == len(queries) else queries[pending]
            scores, ids = self._index.search(asked, width, allowed)
            unsettled = []
            for query, row_scores, row_ids in zip(pending, scores, ids, strict=True):
                ranked = self._rank(sought, queries[query], self._worth_ranking(sought, row_scores, row_ids))
                if width == reachable or self._settled(ranked, sought.k, float(row_scores[-1])):
                    answers[query] = ranked
                else:
                    unsettled.append(query)
            pending, width = unsettled, min(width * WIDENING, reachable)
        return answers

    def undisturbed(self) -> bool:
        """Whether nobody changed rows that are kept elsewhere while they were searched; if not, search again."""
        undisturbed = True if self._kept is None else self._kept.undisturbed(self._sequence)
        if undisturbed is None:
            self._sequence = None
        return bool(undisturbed)

    def close(self) -> None:
        """Let go of connections to rows that are kept elsewhere."""
        if self._kept is not None:
            self._kept.close()

    def _allowed(self, connection: sqlite3.Connection, sought: Sought) -> Mask | None:
        masks = [
            _among(wanted)[column]
            for column, wanted in ((self._columns.codes, sought.modalities), (self._columns.towers, sought.towers))
            if wanted is not None
        ]
        if sought.where is not None:
            masks.append(self._attributes.mask(connection, sought.where, self._columns.ids))
        return np.logical_and.reduce(masks) if masks else None

    def _worth_ranking(self, sought: Sought, scores: Scores, ids: Ids) -> Ids:
        """Those of the found, which come best first, that may be among the best ``k``: the rest is surely worse."""
        last = sought.k - 1
        if sought.best_of_item or self._kept is not None or len(ids) <= sought.k or ids[last] < 0:
            return ids[ids >= 0]
        return ids[: int(np.searchsorted(-scores, -(scores[last] - 2 * self._rounding), side="right"))]

    def _rank(self, sought: Sought, query: Vectors, ids: Ids) -> list[tuple[int, float]]:
        keys = self._columns.keys[self._columns.places(ids)]
        if len(ids) <= CHUNK_ROWS:
            scores = _products(self._index.vectors(ids), query)
        else:
            chunks = range(0, len(ids), CHUNK_ROWS)
            scores = np.concatenate([_products(self._index.vectors(ids[at : at + CHUNK_ROWS]), query) for at in chunks])
        order = np.lexsort((ids, keys, -scores))
        if sought.best_of_item:
            _, first = np.unique(keys[order], return_index=True)
            order = order[np.sort(first)]
        best = order[: sought.k]
        return list(zip(ids[best].tolist(), scores[best].tolist(), strict=True))

    def _settled(self, ranked: list[tuple[int, float]], k: int, worst: float) -> bool:
        """Whether there are enough, and what was left out (at most ``worst``, give or take rounding) is no better.

        Of an index that is not exact nothing better is to be had by asking for more.
        """
        if not self._index.exact:
            return len(ranked) == k
        return len(ranked) == k and ranked[-1][1] > worst + self._rounding

    def _clear(self) -> None:
        dimension = self._dimension if self._bias is None else self._dimension + 1
        if self._kept is None:
            self._index = made(self._choice, dimension) if self._make_index is None else self._make_index(dimension)
        if self._kept is None and isinstance(self._index, Lasting):
            self._kept = Kept(self._index, self._folder, self._bias)
        self._columns = Columns.joined([])
        self._attributes.clear()

    def _choice_for(self, connection: sqlite3.Connection, count: int) -> Choice:
        return self._choice if self._make_index else chosen(connection) or automatic(count, self._choice.kind)

    def _load(self, connection: sqlite3.Connection, count: int) -> int:
        """Start from the snapshot if it is good, else from nothing; returns the sequence number reached."""
        self._choice = self._choice_for(connection, count)
        self._clear()
        if self._kept is not None:
            resumption = self._kept.resumed(connection)
            self._columns = resumption.columns
            return resumption.sequence
        mark = mark_of(connection)
        snapshot = mark and read_snapshot(self._folder, mark, self._dimension)
        if mark is None or snapshot is None:
            return -1
        self._columns = snapshot.columns
        rows = self._rows(snapshot.columns, snapshot.vectors)
        if isinstance(self._index, RefinedIndex):
            self._hold_built(self._index, rows, mark.sequence)
        else:
            self._index.add(snapshot.columns.ids, rows)
        return mark.sequence

    def _hold_built(self, index: RefinedIndex, rows: Vectors, sequence: int) -> None:
        """Hold the snapshot's rows with what was built over them, from its file if that is good; else write it."""
        ids, kind = self._columns.ids, self._choice.kind.value
        path = built_path(self._folder, kind, biased=self._bias is not None)
        built = read_built(path, kind, ids, rows) if self._make_index is None else None
        if built is None:
            index.add(ids, rows)
        else:
            index.restore(ids, rows, built.data, built.stamp.count)
        if self._make_index is None and (built is None or len(ids) > WORTH_WRITING * built.stamp.count):
            data = index.dump()
            if data is not None:
                write_built(path, Built(stamp=stamp_of(kind, sequence, ids, rows), data=data))

    def _replay(self, connection: sqlite3.Connection, known: int) -> None:
        gone = removals_since(connection, known, self._folder)
        if len(gone) and (len(self._columns.ids) or (self._kept is not None and known >= 0)):
            self._index.remove(gone)
            self._columns = self._columns.kept(~np.isin(self._columns.ids, gone))
        last = int(self._columns.ids[-1]) if len(self._columns.ids) else 0
        parts = [self._columns]
        for columns, vectors in segment_chunks(connection, last, self._dimension, self._folder):
            self._hold(columns, vectors)
            parts.append(columns)
        self._columns = Columns.joined(parts)

    def _hold(self, columns: Columns, vectors: Vectors) -> None:
        self._index.add(columns.ids, self._rows(columns, vectors))

    def _rows(self, columns: Columns, vectors: Vectors) -> Vectors:
        return vectors if self._bias is None else extended(vectors, columns.towers, self._bias)


def _num_segments(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM segments").fetchone()[0])


def _among(modalities: Collection[Modality]) -> Mask:
    """For every code whether it is one of these modalities': a table to look codes up in."""
    table = np.zeros(len(CODES), np.bool_)
    table[[CODES[modality] for modality in modalities]] = True
    return table


def _products(rows: Vectors, query: Vectors) -> NDArray[np.float64]:
    """Inner products in float64; each row is summed alone, so that its score depends on nothing else."""
    sums: NDArray[np.float64] = (rows.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    return sums
