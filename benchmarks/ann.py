"""Recall against queries a second, ours and rivals in one run: bare libraries, and databases in the process.

    python -m benchmarks.ann [--rows 100000] [--only NAME] [--json FILE [--merge]] [--write] [--table NAME]

Every engine gets the same rows in a process of its own with one thread, and queries one by one: of the rows' own
modality and of another (``modal_vectors``). Queries a second are by the clock; ``core`` is by processor time, which a
busy machine spoils less. Memory is what the process grew by; disk, what it wrote. An engine that cannot run says why.
With ``--merge`` a long run is done in pieces: what ``--json`` holds of other engines stays, and goes into the tables.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Final, final

import numpy as np

from benchmarks.ann_databases import DATABASES
from benchmarks.ann_engines import LIBRARIES, Engine, bucket_mask
from benchmarks.modal_vectors import modal_vectors
from benchmarks.page import as_table, write_table
from commonspace.core.vectors import Vectors
from commonspace.index.exact import best_rows
from commonspace.index.index import Ids

ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS")
K: Final = 10
ENGINES: Final = {**LIBRARIES, **DATABASES}
FILTERS: Final = (500, 100, 10, 1)
"""Thousandths of the rows that pass."""
FILTERED_QUERIES: Final = 50


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One engine at one knob: what it found of the true best, and how fast."""

    engine: str
    knob: int
    queries: str
    passing: float
    recall: float
    per_second: float
    per_core_second: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """What an engine took before it could be asked, or why it could not."""

    engine: str
    seconds: float = 0.0
    core_seconds: float = 0.0
    memory_megabytes: float = 0.0
    disk_megabytes: float = 0.0
    failure: str = ""


def truth_of(rows: Vectors, queries: Vectors, below: int | None) -> Ids:
    """The numbers of the true best rows."""
    return best_rows(rows, queries, K, None if below is None else bucket_mask(len(rows), below))[1]


def asked(engine: Engine, queries: Vectors, truth: Ids, knob: int, below: int | None) -> tuple[float, float, float]:
    """Recall, queries a second by the clock, and by processor time."""
    engine.ask(queries[0], K, knob, below)
    wall, core = perf_counter(), process_time()
    found = [engine.ask(query, K, knob, below) for query in queries]
    wall, core = perf_counter() - wall, process_time() - core
    shares = [
        len(set(got) & set(best[best >= 0].tolist())) / max(int((best >= 0).sum()), 1)
        for got, best in zip(found, truth, strict=True)
    ]
    return float(np.mean(shares)), len(queries) / wall, len(queries) / core


def prepared(folder: Path, num_rows: int, dimension: int, num_queries: int) -> None:
    """Rows, queries and the true answers to all that is asked, for every engine's process to read."""
    data = modal_vectors(num_rows, dimension, num_queries)
    np.save(folder / "rows.npy", data.rows)
    for sort, queries in (("other", data.other), ("same", data.same)):
        np.save(folder / f"{sort}.npy", queries)
        np.save(folder / f"truth-{sort}.npy", truth_of(data.rows, queries, None))
    for below in FILTERS:
        np.save(folder / f"truth-{below}.npy", truth_of(data.rows, data.other[:FILTERED_QUERIES], below))


def points_of(engine: Engine, folder: Path) -> Iterator[Point]:
    """Every knob over both sorts of queries, then the filters at the widest knob."""
    sorts = {name: np.load(folder / f"{name}.npy") for name in ("other", "same")}
    for name, queries in sorts.items():
        truth = np.load(folder / f"truth-{name}.npy")
        for knob in engine.knobs:
            recall, wall, core = asked(engine, queries, truth, knob, None)
            yield Point(
                engine=engine.name,
                knob=knob,
                queries=name,
                passing=1.0,
                recall=recall,
                per_second=wall,
                per_core_second=core,
            )
    for below in FILTERS if engine.can_filter else ():
        some, knob = sorts["other"][:FILTERED_QUERIES], engine.knobs[-1]
        recall, wall, core = asked(engine, some, np.load(folder / f"truth-{below}.npy"), knob, below)
        yield Point(
            engine=engine.name,
            knob=knob,
            queries="other",
            passing=below / 1_000,
            recall=recall,
            per_second=wall,
            per_core_second=core,
        )


def run_engine(name: str, folder: Path, answers: Any) -> None:
    """In a process of its own: build, ask, send what came out."""
    engine, place = ENGINES[name](), folder / "engine"
    place.mkdir()
    try:
        held = np.load(folder / "rows.npy")
        before, wall, core = resident_bytes(), perf_counter(), process_time()
        engine.build(held, place)
        engine.ask(np.load(folder / "other.npy")[0], K, engine.knobs[0], None)
        built = Building(
            engine=name,
            seconds=perf_counter() - wall,
            core_seconds=process_time() - core,
            memory_megabytes=(resident_bytes() - before) / 1e6,
            disk_megabytes=sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) / 1e6,
        )
        answers.put((built, list(points_of(engine, folder))))
    except Exception as error:  # noqa: BLE001  (whatever a rival raises is its row)
        answers.put((Building(engine=name, failure=f"{type(error).__name__}: {error}"[:200]), []))


def resident_bytes() -> int:
    """What this process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measured(
    num_rows: int, dimension: int, num_queries: int, names: Sequence[str]
) -> tuple[list[Building], list[Point]]:
    """Every engine after the other."""
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # the children's: libraries look when they are imported
    context = multiprocessing.get_context("spawn")
    buildings: list[Building] = []
    points: list[Point] = []
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepared(folder, num_rows, dimension, num_queries)
        for name in names:
            answers = context.SimpleQueue()
            child = context.Process(target=run_engine, args=(name, folder, answers))
            child.start()
            while child.is_alive() and answers.empty():
                child.join(0.2)
            built, found = (Building(engine=name, failure="its process died"), []) if answers.empty() else answers.get()
            child.join()
            rmtree(folder / "engine", ignore_errors=True)
            print(built, *found, sep="\n", file=sys.stderr)
            buildings.append(built)
            points += found
    return buildings, points


def with_earlier(
    file: Path, buildings: Sequence[Building], points: Sequence[Point]
) -> tuple[list[Building], list[Point]]:
    """What a file holds of engines that were not run now, then these."""
    record = json.loads(file.read_text("utf-8")) if file.exists() else {"buildings": [], "points": []}
    run = {each.engine for each in buildings}
    before = [Building(**each) for each in record["buildings"] if each["engine"] not in run]
    found = [Point(**each) for each in record["points"] if each["engine"] not in run]
    return [*before, *buildings], [*found, *points]


def tables(buildings: Sequence[Building], points: Sequence[Point]) -> str:
    """What goes into the page."""
    built = as_table(
        ["engine", "build s", "build core s", "memory MB", "disk MB"],
        [
            (each.engine, each.failure, "", "", "")
            if each.failure
            else (
                each.engine,
                f"{each.seconds:.1f}",
                f"{each.core_seconds:.1f}",
                f"{each.memory_megabytes:.0f}",
                f"{each.disk_megabytes:.0f}",
            )
            for each in buildings
        ],
    )
    head = ["engine", "knob", "queries", "rows that pass", "recall@10", "queries/s", "queries/s and core"]
    found = as_table(
        head,
        [
            (
                each.engine,
                each.knob,
                f"{each.queries} modality",
                f"{each.passing:.1%}",
                f"{each.recall:.3f}",
                f"{each.per_second:,.0f}",
                f"{each.per_core_second:,.0f}",
            )
            for each in points
        ],
    )
    return f"{built}\n{found}"


def main() -> int:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--only", action="append", choices=list(ENGINES), help="an engine; repeatable")
    parser.add_argument("--json", type=Path, help="write every figure into a file")
    parser.add_argument("--merge", action="store_true", help="keep what that file holds of engines not run now")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--table", default="ann", help="which table there: ann, or ann-million")
    options = parser.parse_args()
    if options.merge and not options.json:
        parser.error("--merge adds to the file that --json names")
    buildings, points = measured(options.rows, options.dimension, options.queries, options.only or list(ENGINES))
    if options.merge:
        buildings, points = with_earlier(options.json, buildings, points)
    print(tables(buildings, points))
    if options.json:
        record = {"buildings": [asdict(each) for each in buildings], "points": [asdict(each) for each in points]}
        options.json.write_text(json.dumps(record, indent=2), "utf-8")
    if options.write:
        words = f"{options.rows:,} vectors x {options.dimension}, {options.queries} queries of each sort, seed 0."
        write_table(options.table, f"{words}\n\n{tables(buildings, points)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
