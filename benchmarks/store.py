"""How fast is the store? Adds, deletes, opening, search, and search beside a writer, each beside a plain rival.

    python -m benchmarks.store [--rows 100000] [--dimension 384] [--json] [--write]

Adds are rivalled by bare SQLite inserts of the same blobs with the same durability, searches by a bare
``faiss.IndexFlatIP``; a search through the store also reads the hits' items and texts from disk. *Reopen* is from
``Store.open`` in a fresh process, whose files the system has in memory, to the first answer; what was built is there.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import Final, final

import faiss
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.modal_vectors import modal_vectors
from benchmarks.page import as_table, write_table
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors
from commonspace.index import Entry, Store, StoredItem, StoredSegment, item_id

__all__ = ["entries_of", "space_of", "stored"]

WORDS = [f"word{number}" for number in range(5_000)]
WORDS_AN_ITEM: Final = 8
ADD_BATCHES: Final = (32, 256)
NUM_ADDED: Final = 8_192
NUM_DELETED: Final = 1_024
ROUNDS: Final = 5
REPLAYS: Final = 2
ROUND_SECONDS: Final = 10.0
WRITING_SECONDS: Final = 5.0
BUCKETS: Final = 1_000
REOPEN: Final = """
import sys, time, numpy as np
from commonspace.index import Store
query = np.load(sys.argv[2])
started = time.perf_counter()
with Store.open(sys.argv[1], writable=False) as store:
    store.search(query, k=10)
    print(time.perf_counter() - started)
"""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a question, the store's figure, the rival's."""

    question: str
    unit: str
    store: float
    rival: float | None = None
    rival_name: str = ""


def space_of(dimension: int) -> Space:
    """A space of three towers that no model fills."""
    towers = (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)
    return Space(name="random", dimension=dimension, towers=towers, composed=(), fingerprint="0" * 64)


def entries_of(vectors: Vectors, rng: np.random.Generator, start: int) -> list[Entry]:
    """One short text an item, named and worded at random; ``bucket`` is its number modulo ``BUCKETS``."""
    made = []
    picked = rng.integers(0, len(WORDS), (len(vectors), WORDS_AN_ITEM)).tolist()
    for number, (vector, places) in enumerate(zip(vectors, picked, strict=True), start=start):
        text = " ".join(WORDS[place] for place in places)
        uri = f"file:///media/{number % 97}/{number}.txt"
        item = StoredItem(
            id=item_id(uri),
            uri=uri,
            name=f"{number}.txt",
            modality=(Modality.TEXT, Modality.IMAGE, Modality.AUDIO)[number % 3],
            media_type="text/plain",
            content_hash=f"{number:064x}",
            num_bytes=len(text),
            metadata={"bucket": number % BUCKETS},
        )
        segment = StoredSegment(modality=Modality.TEXT, text=text)
        made.append(Entry(item=item, segments=(segment,), vectors=vector[np.newaxis]))
    return made


def batches(vectors: Vectors, size: int) -> Iterator[tuple[int, Vectors]]:
    """Consecutive rows, ``size`` at a time, with the number of the first."""
    for start in range(0, len(vectors), size):
        yield start, vectors[start : start + size]


def stored(path: Path, space: Space, vectors: Vectors) -> None:
    """A closed store of these vectors, with a snapshot."""
    rng = np.random.default_rng(1)
    with Store.create(path, space) as store:
        for start, part in batches(vectors, 4_096):
            store.put(entries_of(part, rng, start))
        store.snapshot()


def add_rate(folder: Path, space: Space, vectors: Vectors, size: int) -> float:
    """Items a second put into an empty store, ``size`` a call; making the records is not counted."""
    rng = np.random.default_rng(1)
    made = [entries_of(rows, rng, start) for start, rows in batches(vectors, size)]
    with Store.create(folder / f"adds-{size}", space) as store:
        started = perf_counter()
        for entries in made:
            store.put(entries)
        return len(vectors) / (perf_counter() - started)


def raw_add_rate(folder: Path, vectors: Vectors, size: int) -> float:
    """The same blobs into one bare table, ``size`` a transaction, as durably."""
    connection = sqlite3.connect(folder / f"raw-{size}.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB)")
    started = perf_counter()
    for _, rows in batches(vectors, size):
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO vectors (vector) VALUES (?)", [(row.tobytes(),) for row in rows])
        connection.execute("COMMIT")
    rate = len(vectors) / (perf_counter() - started)
    connection.close()
    return rate


def delete_rate(path: Path, num_rows: int) -> float:
    """Items a second removed, 32 a call, from the full store."""
    rng = np.random.default_rng(2)
    numbers = rng.choice(num_rows, min(NUM_DELETED, num_rows // 4), replace=False).tolist()
    gone = [item_id(f"file:///media/{number % 97}/{number}.txt") for number in numbers]
    with Store.open(path) as store:
        started = perf_counter()
        for at in range(0, len(gone), 32):
            store.remove(gone[at : at + 32])
        return len(gone) / (perf_counter() - started)


def milliseconds(action: Callable[[], object]) -> float:
    """The best of ``ROUNDS``, or of as many as fit into ``ROUND_SECONDS``."""
    times: list[float] = []
    while len(times) < ROUNDS and sum(times) < ROUND_SECONDS:
        started = perf_counter()
        action()
        times.append(perf_counter() - started)
    return 1e3 * min(times)


def reopening(path: Path, query: Vectors, rounds: int) -> float:
    """Milliseconds from opening a store to its first answer, in a fresh process; the best of so many."""
    file = path.parent / "query.npy"
    np.save(file, query)
    command = [sys.executable, "-c", REOPEN, str(path), str(file)]
    taken = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(rounds)]
    return 1e3 * min(map(float, taken))


def searching(store: Store, plain: "faiss.IndexFlatIP", queries: Vectors) -> Iterator[Row]:
    """Latency of top-10 over everything, alone and in batches, and over a third of it."""
    for count in (1, 32, 100):
        some = queries[:count]
        mine = milliseconds(lambda some=some: store.search(some, k=10))  # type: ignore[misc]
        rival = milliseconds(lambda some=some: plain.search(some, 10))  # type: ignore[misc]
        yield Row(question=f"search, {count} at once", unit="ms", store=mine, rival=rival, rival_name="IndexFlatIP")
    third = milliseconds(lambda: store.search(queries[:1], k=10, modalities={Modality.IMAGE}))
    yield Row(question="search one modality of three", unit="ms", store=third)
    words = milliseconds(lambda: store.match("word1 word20 word300 word4000", k=10))
    yield Row(question="match four words", unit="ms", store=words)


def search_times(store: Store, queries: Vectors, seconds: float) -> list[float]:
    """Milliseconds of each search, one after the other, for so long."""
    times: list[float] = []
    end = perf_counter() + seconds
    while (started := perf_counter()) < end:
        store.search(queries[len(times) % len(queries)][np.newaxis], k=10)
        times.append(1e3 * (perf_counter() - started))
    return times


def while_writing(path: Path, queries: Vectors, num_rows: int) -> Iterator[Row]:
    """The 99th percentile of searches while another thread adds 32 items a call, beside the same without."""
    rng, done = np.random.default_rng(3), Event()
    made = [entries_of(rows, rng, num_rows + start) for start, rows in batches(queries, 32)]

    def write(store: Store) -> None:
        number = 0
        while not done.is_set():
            store.put(made[number % len(made)])
            number += 1

    with Store.open(path) as writer, Store.open(path, writable=False) as reader:
        reader.search(queries[:1], k=10)
        quiet = search_times(reader, queries, WRITING_SECONDS)
        thread = Thread(target=write, args=(writer,))
        thread.start()
        try:
            busy = search_times(reader, queries, WRITING_SECONDS)
        finally:
            done.set()
            thread.join()
    for name, quantile in (("p50", 50), ("p99", 99)):
        yield Row(
            question=f"search while writing, {name}",
            unit="ms",
            store=float(np.percentile(busy, quantile)),
            rival=float(np.percentile(quiet, quantile)),
            rival_name="nobody writing",
        )


def measure(folder: Path, num_rows: int, dimension: int) -> list[Row]:
    """Every row of the table."""
    data, space, path = modal_vectors(num_rows, dimension, 256), space_of(dimension), folder / "store"
    rows = []
    for size in ADD_BATCHES:
        few = data.rows[:NUM_ADDED]
        mine, raw = add_rate(folder, space, few, size), raw_add_rate(folder, few, size)
        rows.append(
            Row(question=f"add, {size} a call", unit="items/s", store=mine, rival=raw, rival_name="bare SQLite")
        )
    stored(path, space, data.rows)
    plain = faiss.IndexFlatIP(dimension)
    plain.add(data.rows)
    with Store.open(path, writable=False) as store:
        store.search(data.other[:1], k=1)
        rows += searching(store, plain, data.other[:100])
    again = reopening(path, data.other[:1], ROUNDS)
    rows += while_writing(path, data.other, num_rows)
    rows.append(Row(question="delete, 32 a call", unit="items/s", store=delete_rate(path, num_rows)))
    (path / "index" / "flat.snapshot").unlink()
    bare = reopening(path, data.other[:1], REPLAYS)
    rows.append(
        Row(question="reopen to first answer", unit="ms", store=again, rival=bare, rival_name="without a snapshot")
    )
    return rows


def cells(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Rows as they are shown."""
    rivals = ["" if row.rival is None else f"{row.rival_name} {row.rival:,.1f}" for row in rows]
    return [
        (f"{row.question} ({row.unit})", f"{row.store:,.1f}", rival) for row, rival in zip(rows, rivals, strict=True)
    ]


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), options.rows, options.dimension)
    head = ["question", "store", "rival in the same run"]
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        table = Table(*head, title=f"{options.rows} x {options.dimension}")
        for line in cells(rows):
            table.add_row(*line)
        Console().print(table)
    if options.write:
        words = (
            f"{options.rows:,} vectors x {options.dimension}, queries of another modality, seed 0, best of {ROUNDS}."
        )
        write_table("store", f"{words}\n\n{as_table(head, cells(rows))}")


if __name__ == "__main__":
    main()
