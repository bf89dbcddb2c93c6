"""How fast is the store? Durable adds, opening, and exact search, each beside a plain rival in the same run.

    python benchmarks/store.py [--segments 100000] [--dimension 384] [--json]

Vectors are random unit rows from a seed. Adds are rivalled by bare SQLite inserts of the same blobs with
the same durability, searches by a bare ``faiss.IndexFlatIP``; a search through the store also reads the
hits' items and texts from disk.
"""

import argparse
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import faiss
import numpy as np
from rich.console import Console
from rich.table import Table

from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors, unit
from commonspace.index import Entry, Store, StoredItem, StoredSegment, item_id

WORDS = [f"word{number}" for number in range(5_000)]
ADD_BATCHES = (32, 256)
NUM_ADDED = 8_192
ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a question, the store's figure, the rival's."""

    question: str
    unit: str
    store: float
    rival: float | None
    rival_name: str


def entries_of(vectors: Vectors, rng: np.random.Generator, start: int) -> list[Entry]:
    """One short text an item, named and worded at random."""
    made = []
    for number, vector in enumerate(vectors, start=start):
        text = " ".join(rng.choice(WORDS, 8))
        uri = f"file:///media/{number % 97}/{number}.txt"
        item = StoredItem(
            id=item_id(uri),
            uri=uri,
            name=f"{number}.txt",
            modality=(Modality.TEXT, Modality.IMAGE, Modality.AUDIO)[number % 3],
            media_type="text/plain",
            content_hash=f"{number:064x}",
            num_bytes=len(text),
        )
        segment = StoredSegment(modality=Modality.TEXT, text=text)
        made.append(Entry(item=item, segments=(segment,), vectors=vector[np.newaxis]))
    return made


def batches(vectors: Vectors, size: int) -> Iterator[tuple[int, Vectors]]:
    """Consecutive rows, ``size`` at a time, with the number of the first."""
    for start in range(0, len(vectors), size):
        yield start, vectors[start : start + size]


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


def milliseconds(action: Callable[[], object]) -> float:
    """The best of ``ROUNDS``."""
    times = []
    for _ in range(ROUNDS):
        started = perf_counter()
        action()
        times.append(perf_counter() - started)
    return 1e3 * min(times)


def opening(path: Path, query: Vectors) -> float:
    """Milliseconds from opening a store to its first answer."""

    def first_answer() -> None:
        with Store.open(path, writable=False) as store:
            store.search(query, k=10)

    return milliseconds(first_answer)


def searching(store: Store, plain: "faiss.IndexFlatIP", queries: Vectors) -> Iterator[Row]:
    """Latency of exact top-10 over everything, alone and in batches, and over a third of it."""
    for count in (1, 32, 100):
        some = queries[:count]
        mine = milliseconds(lambda some=some: store.search(some, k=10))  # type: ignore[misc]
        rival = milliseconds(lambda some=some: plain.search(some, 10))  # type: ignore[misc]
        yield Row(question=f"search, {count} at once", unit="ms", store=mine, rival=rival, rival_name="IndexFlatIP")
    third = milliseconds(lambda: store.search(queries[:1], k=10, modalities={Modality.IMAGE}))
    yield Row(question="search one modality of three", unit="ms", store=third, rival=None, rival_name="")
    words = milliseconds(lambda: store.match("word1 word20 word300 word4000", k=10))
    yield Row(question="match four words", unit="ms", store=words, rival=None, rival_name="")


def measure(folder: Path, num_segments: int, dimension: int) -> list[Row]:
    """Every row of the table."""
    rng = np.random.default_rng(0)
    vectors = unit(rng.standard_normal((num_segments, dimension), dtype=np.float32))
    towers = (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)
    space = Space(name="random", dimension=dimension, towers=towers, composed=(), fingerprint="0" * 64)
    rows = []
    for size in ADD_BATCHES:
        few = vectors[:NUM_ADDED]
        mine, raw = add_rate(folder, space, few, size), raw_add_rate(folder, few, size)
        rows.append(
            Row(question=f"add, {size} a call", unit="items/s", store=mine, rival=raw, rival_name="bare SQLite")
        )
    path = folder / "store"
    with Store.create(path, space) as store:
        for start, part in batches(vectors, 4_096):
            store.put(entries_of(part, rng, start))
        store.snapshot()
    query = vectors[:1]
    with_snapshot = opening(path, query)
    (path / "index" / "flat.snapshot").unlink()
    rebuilt = opening(path, query)
    rows.append(
        Row(
            question="open to first answer, snapshot",
            unit="ms",
            store=with_snapshot,
            rival=rebuilt,
            rival_name="rebuilt from SQLite",
        )
    )
    plain = faiss.IndexFlatIP(dimension)
    plain.add(vectors)
    with Store.open(path, writable=False) as store:
        store.search(query, k=1)
        rows += searching(store, plain, vectors[:100])
    return rows


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), options.segments, options.dimension)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table("question", "unit", "store", "rival", "", title=f"{options.segments} x {options.dimension}")
    for row in rows:
        rival = "" if row.rival is None else f"{row.rival:,.1f}"
        table.add_row(row.question, row.unit, f"{row.store:,.1f}", rival, row.rival_name)
    Console().print(table)


if __name__ == "__main__":
    main()
