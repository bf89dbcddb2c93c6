"""What is it worth that searches which meet are answered together? One store, so many threads, with and without.

    python -m benchmarks.coalescing [--rows 100000] [--write]

Every thread asks one query after the other through ``Mirror``, as ``Store.search`` does, metadata left out. *Apart* is
the same resident index asked by each thread for itself. Turns go round so that a busy moment hits both alike.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from time import perf_counter
from typing import Final, final

import numpy as np

from benchmarks.modal_vectors import modal_vectors
from benchmarks.page import as_table, write_table
from benchmarks.store import space_of, stored
from commonspace.core.vectors import Vectors
from commonspace.index.database import Database
from commonspace.index.kinds import Choice, Kind, made
from commonspace.index.mirror import Mirror
from commonspace.index.resident import Resident
from commonspace.index.sought import Sought

THREADS: Final = (1, 8, 64)
KINDS: Final = (Kind.FLAT, Kind.SCAN, Kind.IVF_SQ8)
ROUNDS: Final = 3
TURN_SECONDS: Final = 1.0

Ask = Callable[[Vectors], object]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One index and number of threads: queries a second together and apart, medians over rounds."""

    kind: Kind
    threads: int
    together: float
    apart: float


def rate(ask: Ask, queries: Vectors, num_threads: int) -> float:
    """Queries a second while so many threads ask in turn for about ``TURN_SECONDS``."""
    counts = [0] * num_threads
    end = perf_counter() + TURN_SECONDS

    def asking(number: int) -> None:
        place = number
        while perf_counter() < end:
            ask(queries[place % len(queries)][np.newaxis])
            place += num_threads
            counts[number] += 1

    threads = [Thread(target=asking, args=(number,)) for number in range(num_threads)]
    started = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (perf_counter() - started)


def measure(path: Path, dimension: int, queries: Vectors, kind: Kind) -> list[Line]:
    """One kind at every number of threads."""

    def make_index(width: int) -> object:
        return made(Choice(kind=kind), width)

    database = Database(path, writable=False)
    mirror = Mirror(path, dimension, make_index, None)  # type: ignore[arg-type]
    resident = Resident(path, dimension, make_index, None)  # type: ignore[arg-type]
    with database.reading() as connection:
        resident.catch_up(connection)

    def together(query: Vectors) -> object:
        with database.reading() as connection:
            return mirror.search(connection, Sought(queries=query, k=10), may_go_back=False)

    def apart(query: Vectors) -> object:
        with database.reading() as connection:
            return resident.search(connection, Sought(queries=query, k=10))

    together(queries[:1])
    apart(queries[:1])
    lines = []
    for num_threads in THREADS:
        rounds = [(rate(together, queries, num_threads), rate(apart, queries, num_threads)) for _ in range(ROUNDS)]
        lines.append(
            Line(
                kind=kind,
                threads=num_threads,
                together=median(one for one, _ in rounds),
                apart=median(other for _, other in rounds),
            )
        )
    database.close()
    return lines


def main() -> int:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    data = modal_vectors(options.rows, options.dimension, 500)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        stored(path, space_of(options.dimension), data.rows)
        lines = [line for kind in KINDS for line in measure(path, options.dimension, data.other, kind)]
    head = ["index", "threads", "together, queries/s", "apart, queries/s", "gain"]
    rows = [
        (
            each.kind.value,
            each.threads,
            f"{each.together:,.0f}",
            f"{each.apart:,.0f}",
            f"{each.together / each.apart:.1f}x",
        )
        for each in lines
    ]
    table = as_table(head, rows)
    print(table)
    if options.write:
        words = f"{options.rows:,} vectors x {options.dimension}, queries of another modality, k = 10, seed 0."
        write_table("coalescing", f"{words}\n\n{table}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
