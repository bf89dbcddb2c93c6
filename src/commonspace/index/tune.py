"""Which knobs meet a wished recall on one's own vectors: each kind is built once, and asked at every effort."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Final, final

import numpy as np

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.bias import ItemBias, extended_queries
from commonspace.index.columns import CODES
from commonspace.index.database import Database
from commonspace.index.index import Index, Scores
from commonspace.index.ivf import num_lists
from commonspace.index.kinds import Choice, Kind, made
from commonspace.index.refined import RefinedIndex
from commonspace.index.resident import Resident

__all__ = ["USUAL_KINDS", "Sample", "Trial", "build", "pick", "sample_of", "trials"]

USUAL_KINDS: Final = (Kind.FLAT, Kind.SCAN, Kind.IVF_SQ8, Kind.IVF_RABITQ)
MOST_QUERIES: Final = 200
SCAN_DEPTHS: Final = (20, 50, 100, 200, 400)
BINARY_DEPTHS: Final = (200, 500, 1_000, 2_000, 4_000)
GRAPH_EFFORTS: Final = (64, 128, 256, 512, 1_024)
LIST_SHARES: Final = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4)
ROUNDING: Final = 1e-5

Clock = Callable[[], float]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Rows to find, of one tower, and queries for them; with a bias both have one number more.

    ``asked_by`` is empty where the queries are of the rows' own tower, because there is no other: those are easier.
    """

    rows: Vectors
    queries: Vectors
    target: Modality
    asked_by: tuple[Modality, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one choice gave: the share of the true best k found, and the median time of one query alone."""

    choice: Choice
    recall: float
    milliseconds: float
    build_seconds: float


def build(path: Path, dimension: int, bias: ItemBias | None) -> None:
    """Make the index that a store is searched with now; its file is kept for the next opening, where a snapshot is."""
    database = Database(path, writable=False)
    with closing(database), database.reading() as connection:
        resident = Resident(path, dimension, None, bias, patient=True)
        resident.catch_up(connection)
        resident.prepare()


def sample_of(path: Path, dimension: int, bias: ItemBias | None, queries: Vectors | None = None) -> Sample:
    """A store's vectors of the tower that made most, and up to ``MOST_QUERIES`` of the other towers' as queries.

    Raises:
        UsageError: the store holds nothing.
    """
    resident = Resident(path, dimension, lambda width: made(Choice(kind=Kind.SCAN), width), bias)
    database = Database(path, writable=False)
    try:
        with database.reading() as connection:
            resident.catch_up(connection)
    finally:
        database.close()
    columns = resident.columns
    if not len(columns.ids):
        raise UsageError(f"The store '{path}' is empty.", fix="Index something first: commonspace index FOLDER.")
    counts = np.bincount(columns.towers, minlength=len(CODES))
    largest = int(counts.argmax())
    names = {code: modality for modality, code in CODES.items()}
    others = np.flatnonzero(columns.towers != largest)
    rows = resident.index.vectors(columns.ids[columns.towers == largest])
    rows.flags.writeable = False
    asked_by = tuple(names[int(code)] for code in np.unique(columns.towers[others]))
    if queries is None:
        places = others if len(others) else np.flatnonzero(columns.towers == largest)
        some = np.unique(np.linspace(0, len(places) - 1, MOST_QUERIES).astype(np.int64))
        held = resident.index.vectors(columns.ids[places[some]])
        queries = held if bias is None else held[:, :-1]
    else:
        asked_by = (Modality.TEXT,) if names[largest] is not Modality.TEXT else ()
    return Sample(
        rows=rows,
        queries=queries if bias is None else extended_queries(queries),
        target=names[largest],
        asked_by=asked_by,
    )


def trials(sample: Sample, k: int, kinds: Sequence[Kind] = USUAL_KINDS, clock: Clock = perf_counter) -> Iterator[Trial]:
    """Every choice among these kinds, as it is measured; the exact ones find everything."""
    ids = np.arange(len(sample.rows))
    exact = made(Choice(kind=Kind.FLAT), sample.rows.shape[1])
    exact.add(ids, sample.rows)
    truth = exact.search(sample.queries, k, None)[0]
    for kind in kinds:
        index = made(Choice(kind=kind), sample.rows.shape[1])
        started = clock()
        data = None
        if isinstance(index, RefinedIndex):
            index.add(ids, sample.rows)
            data = index.dump()
        build_seconds = clock() - started
        if data is None:
            yield _trial(Choice(kind=kind), exact, sample, truth, build_seconds, clock)
            continue
        for choice in _choices(kind, len(ids)):
            again = made(choice, sample.rows.shape[1])
            if isinstance(again, RefinedIndex):
                again.restore(ids, sample.rows, data, len(ids))
            yield _trial(choice, again, sample, truth, build_seconds, clock)


def pick(measured: Sequence[Trial], recall: float) -> Trial | None:
    """The quickest that finds as much as is wished; None where none does."""
    good = [trial for trial in measured if trial.recall >= recall]
    return min(good, key=lambda trial: trial.milliseconds, default=None)


def _choices(kind: Kind, num_rows: int) -> list[Choice]:
    if kind is Kind.SCAN:
        return [Choice(kind=kind, depth=depth) for depth in SCAN_DEPTHS]
    if kind is Kind.BINARY:
        return [Choice(kind=kind, depth=depth) for depth in BINARY_DEPTHS]
    if kind in {Kind.HNSW, Kind.HNSW_SQ8}:
        return [Choice(kind=kind, effort=effort) for effort in GRAPH_EFFORTS]
    return [Choice(kind=kind, effort=ceil(share * num_lists(num_rows))) for share in LIST_SHARES]


def _trial(choice: Choice, index: Index, sample: Sample, truth: Scores, build_seconds: float, clock: Clock) -> Trial:
    """Queries one by one, as people ask; equal scores count as found whichever row has them."""
    times, shares = [], []
    for query, wanted in zip(sample.queries, truth, strict=True):
        started = clock()
        scores, _ = index.search(query[np.newaxis], len(wanted), None)
        times.append(clock() - started)
        real = np.isfinite(wanted)
        shares.append(float((scores[0][real] >= wanted[real][-1] - ROUNDING).mean()) if real.any() else 1.0)
    return Trial(
        choice=choice,
        recall=float(np.mean(shares)),
        milliseconds=1e3 * float(np.median(times)),
        build_seconds=build_seconds,
    )
