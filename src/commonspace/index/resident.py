"""The store's vectors in memory: loaded from the snapshot, brought up to date from the database, searched.

It trusts only the database: whatever the snapshot lacks is replayed, and what is not sure is rebuilt. What is built
over the snapshot's vectors is kept in a file of its own (``built``), so that it is built once.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.vectors import Vectors
from commonspace.index.attributes import Attributes
from commonspace.index.bias import ItemBias, extended, extended_queries
from commonspace.index.built import Built, BuiltFiles
from commonspace.index.columns import CHUNK_ROWS, Columns, among, removals_since, segment_chunks
from commonspace.index.index import Ids, Index, Mask, Scores
from commonspace.index.kinds import LONG_IN_MAKING, Choice, Kind, automatic, chosen, made
from commonspace.index.lasting import Kept, Lasting
from commonspace.index.refined import ASIDE_ROWS, RefinedIndex
from commonspace.index.schema import number
from commonspace.index.snapshot import mark_of, read_snapshot
from commonspace.index.sought import Answers, Sought

__all__ = ["MakeIndex", "Resident"]

MakeIndex = Callable[[int], Index]

SPARE_CANDIDATES = 16
WIDENING = 4
STOPGAP: Final = Choice(kind=Kind.SCAN)
WORTH_WRITING = 1.25
"""What was built is written again once the snapshot has this many times the rows that the file covers."""


@final
class Resident:
    """An index with what is known of its segments, as of one sequence number.

    With a bias the index holds one dimension more (``bias`` says why). While one thread catches up, no other
    may use it (``mirror`` sees to that). With ``make_index`` None the index is the one that the store was told to
    use, else the one for its size. Over many rows, one that takes minutes to make is not made here unless this is
    ``patient``: what can be had at once answers, and another resident ``is_due``.
    """

    def __init__(
        self,
        folder: Path,
        dimension: int,
        make_index: MakeIndex | None,
        bias: ItemBias | None = None,
        *,
        patient: bool = False,
    ) -> None:
        self._folder = folder
        self._patient = patient
        self._is_due = False
        self._dimension = dimension
        self._make_index = make_index
        self._bias = bias
        self._files = BuiltFiles(folder, biased=bias is not None)
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

    @property
    def is_due(self) -> bool:
        """Whether another is to be made beside this one, with an index that is not made while a search waits."""
        return self._is_due

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
            known = self._load(connection, connection.execute("SELECT count(*) FROM segments").fetchone()[0])
        if known < target:
            if self._kept is not None:
                self._kept.announce(connection, known)
            self._replay(connection, known)
        if self._kept is not None and not self._kept.seal(connection):
            return
        self._renew_if_quick(connection)
        self._sequence = target

    def prepare(self) -> None:
        """Make what is still to be made of the index, so that no search waits for it."""
        if isinstance(self._index, RefinedIndex):
            if self._index.is_due:
                self._index.renew()
            self._index.prepare()
            self._is_due = False

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
            among(wanted)[column]
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

    def _renew_if_quick(self, connection: sqlite3.Connection) -> None:
        """Hold the rows in another index where one is due and they are few; where they are many, say that it is due."""
        count = len(self._columns.ids)
        is_other = self._choice_for(connection, count) != self._choice
        if is_other and count <= ASIDE_ROWS:
            self._replay(connection, self._load(connection, count))
        worn = self._kept is None and isinstance(self._index, RefinedIndex) and self._index.is_due
        self._is_due = worn or (is_other and count > ASIDE_ROWS)

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
        held = snapshot and (snapshot.columns, self._rows(snapshot.columns, snapshot.vectors))
        built = held and self._built(*held)
        if built is None and self._takes_long(count):
            self._choice = STOPGAP
            self._clear()
            built = held and self._built(*held)
        if mark is None or held is None:
            return -1
        self._columns, rows = held
        self._hold_snapshot(rows, built, mark.sequence)
        return mark.sequence

    def _takes_long(self, count: int) -> bool:
        """Whether the chosen index, made of so many rows, would keep searches waiting for minutes."""
        makes_own = self._make_index is None and self._choice.kind in LONG_IN_MAKING
        return makes_own and count > ASIDE_ROWS and not self._patient

    def _built(self, columns: Columns, rows: Vectors) -> Built | None:
        """What was built of the chosen index over a snapshot's rows, if its file is good."""
        is_kept = self._make_index is None and isinstance(self._index, RefinedIndex)
        return self._files.read(self._choice.kind.value, columns.ids, rows) if is_kept else None

    def _hold_snapshot(self, rows: Vectors, built: Built | None, sequence: int) -> None:
        """Hold the snapshot's rows with what was built over them, if that is there; else write it for the next time."""
        ids, index = self._columns.ids, self._index
        if not isinstance(index, RefinedIndex) or built is None:
            index.add(ids, rows)
        else:
            index.restore(ids, rows, built.data, built.stamp.count)
        if not isinstance(index, RefinedIndex) or self._make_index is not None:
            return
        if built is None or len(ids) > WORTH_WRITING * built.stamp.count:
            self._files.write(self._choice.kind.value, sequence, ids, rows, index.dump())

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


def _products(rows: Vectors, query: Vectors) -> NDArray[np.float64]:
    """Inner products in float64; each row is summed alone, so that its score depends on nothing else."""
    sums: NDArray[np.float64] = (rows.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    return sums
