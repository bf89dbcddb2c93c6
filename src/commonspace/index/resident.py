"""The store's vectors in memory: loaded from the snapshot, brought up to date from the database, searched.

It trusts only the database: whatever the snapshot lacks is replayed, and what is not sure is rebuilt.
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
from commonspace.index.bias import ItemBias, extended, extended_queries
from commonspace.index.columns import CHUNK_ROWS, CODES, Columns, removals_since, segment_chunks
from commonspace.index.index import Ids, Index, Mask
from commonspace.index.schema import number
from commonspace.index.snapshot import mark_of, read_snapshot

__all__ = ["Answers", "MakeIndex", "Resident", "Sought"]

MakeIndex = Callable[[int], Index]
Answers = list[list[tuple[int, float]]]
"""For each query, segments and their scores, best first."""

SPARE_CANDIDATES = 16
WIDENING = 4


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sought:
    """What a search wants: the best ``k`` segments, of items of these modalities, made by these towers (None: by any).

    With ``best_of_item``, an item's best segment only.
    """

    queries: Vectors
    k: int
    modalities: Collection[Modality] | None = None
    towers: Collection[Modality] | None = None
    best_of_item: bool = False


@final
class Resident:
    """An index with what is known of its segments, as of one sequence number.

    With a bias the index holds one dimension more (``bias`` says why). While one thread catches up, no other
    may use it (``mirror`` sees to that).
    """

    def __init__(self, folder: Path, dimension: int, make_index: MakeIndex, bias: ItemBias | None = None) -> None:
        self._folder = folder
        self._dimension = dimension
        self._make_index = make_index
        self._bias = bias
        self._sequence: int | None = None
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
    def index(self) -> Index:
        """The index over the segments shown."""
        return self._index

    def catch_up(self, connection: sqlite3.Connection) -> None:
        """Show what ``connection`` sees. If this fails, nothing is shown until it succeeds."""
        target = number(connection, "sequence")
        horizon = number(connection, "horizon")
        known, self._sequence = self._sequence, None
        if known is None or not horizon <= known <= target:
            known = self._load(connection)
        if known < target:
            self._replay(connection, known)
        self._sequence = target

    def search(self, sought: Sought) -> Answers:
        """The exact best segments for each query, best first.

        Scores are summed in float64, one way only, so an answer does not depend on the index, the batch
        or the order of insertion; equal scores come by item id, then by position in the item.
        """
        allowed = self._allowed(sought)
        queries = sought.queries if self._bias is None else extended_queries(sought.queries)
        reachable = len(self._columns.ids) if allowed is None else int(allowed.sum())
        answers: Answers = [[] for _ in sought.queries]
        pending = list(range(len(sought.queries))) if reachable else []
        width = min(sought.k + SPARE_CANDIDATES, reachable)
        while pending:
            scores, ids = self._index.search(queries[pending], width, allowed)
            unsettled = []
            for query, row_scores, row_ids in zip(pending, scores, ids, strict=True):
                ranked = self._rank(sought, queries[query], row_ids)
                if width == reachable or self._settled(ranked, sought.k, float(row_scores[-1])):
                    answers[query] = ranked
                else:
                    unsettled.append(query)
            pending, width = unsettled, min(width * WIDENING, reachable)
        return answers

    def _allowed(self, sought: Sought) -> Mask | None:
        masks = [
            _among(wanted)[column]
            for column, wanted in ((self._columns.codes, sought.modalities), (self._columns.towers, sought.towers))
            if wanted is not None
        ]
        return np.logical_and.reduce(masks) if masks else None

    def _rank(self, sought: Sought, query: Vectors, ids: Ids) -> list[tuple[int, float]]:
        keys = self._columns.keys[self._columns.places(ids)]
        chunks = range(0, len(ids), CHUNK_ROWS)
        scores = np.concatenate([_products(self._index.vectors(ids[at : at + CHUNK_ROWS]), query) for at in chunks])
        order = np.lexsort((ids, keys, -scores))
        if sought.best_of_item:
            _, first = np.unique(keys[order], return_index=True)
            order = order[np.sort(first)]
        return [(int(ids[place]), float(scores[place])) for place in order[: sought.k]]

    def _settled(self, ranked: list[tuple[int, float]], k: int, worst: float) -> bool:
        """Whether what the index left out (at most ``worst``, give or take rounding) cannot belong to the best."""
        largest = 1.0 if self._bias is None else 2.0  # a cosine less a bias, each at most one
        rounding = 1.01 * (self._dimension + 1) * largest * 2.0**-24
        return len(ranked) == k and ranked[-1][1] > worst + rounding

    def _clear(self) -> None:
        self._index = self._make_index(self._dimension if self._bias is None else self._dimension + 1)
        self._columns = Columns.joined([])

    def _load(self, connection: sqlite3.Connection) -> int:
        """Start from the snapshot if it is good, else from nothing; returns the sequence number reached."""
        self._clear()
        mark = mark_of(connection)
        if mark is not None:
            columns = read_snapshot(self._folder, mark, self._hold, self._dimension)
            if columns is not None:
                self._columns = columns
                return mark.sequence
            self._clear()
        return -1

    def _replay(self, connection: sqlite3.Connection, known: int) -> None:
        gone = removals_since(connection, known, self._folder)
        if len(gone) and len(self._columns.ids):
            self._index.remove(gone)
            self._columns = self._columns.kept(~np.isin(self._columns.ids, gone))
        last = int(self._columns.ids[-1]) if len(self._columns.ids) else 0
        parts = [self._columns]
        for columns, vectors in segment_chunks(connection, last, self._dimension, self._folder):
            self._hold(columns, vectors)
            parts.append(columns)
        self._columns = Columns.joined(parts)

    def _hold(self, columns: Columns, vectors: Vectors) -> None:
        rows = vectors if self._bias is None else extended(vectors, columns.towers, self._bias)
        self._index.add(columns.ids, rows)


def _among(modalities: Collection[Modality]) -> Mask:
    """For every code whether it is one of these modalities': a table to look codes up in."""
    table = np.zeros(len(CODES), np.bool_)
    table[[CODES[modality] for modality in modalities]] = True
    return table


def _products(rows: Vectors, query: Vectors) -> NDArray[np.float64]:
    """Inner products in float64; each row is summed alone, so that its score depends on nothing else."""
    sums: NDArray[np.float64] = (rows.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    return sums
