"""What an evaluation found, by direction: what users are shown, vectors without words, and the encoder alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from commonspace.apps.calibration_report import Estimate
from commonspace.apps.progress import failure_dict
from commonspace.apps.taking import Taken
from commonspace.evaluate.dataset import Task
from commonspace.evaluate.metrics import bootstrap_interval
from commonspace.evaluate.ranked import Run, chance_of, measures_of, values_of
from commonspace.ingest.source import ItemFailure

__all__ = ["EvaluationReport", "Figure", "Runs", "TaskReport", "figures_of", "trec_lines"]

Values = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What each path answered: the shipped one with words, the same without them, and the encoder's own ranking."""

    shipped: Run
    vectors: Run
    encoder: Run


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measure of all paths: means with 95% bootstrap intervals over queries.

    ``difference`` (shipped less encoder) and ``words`` (shipped less vectors) are paired.
    """

    measure: str
    shipped: Estimate
    vectors: Estimate
    encoder: Estimate
    difference: Estimate
    words: Estimate
    chance: float

    def to_dict(self) -> dict[str, Any]:
        """The figure as it stands in JSON answers."""
        named = ("shipped", "vectors", "encoder", "difference", "words")
        told = {name: getattr(self, name) for name in named}
        fields = {name: {"value": each.value, "low": each.low, "high": each.high} for name, each in told.items()}
        return {"measure": self.measure, **fields, "chance": self.chance}


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskReport:
    """One direction; ``runs`` are what each path answered, to write or to compare."""

    name: str
    num_documents: int
    num_queries: int
    num_left_out: int
    figures: tuple[Figure, ...]
    runs: Runs

    def to_dict(self) -> dict[str, Any]:
        """The direction as it stands in JSON answers, without the runs."""
        return {
            "name": self.name,
            "num_documents": self.num_documents,
            "num_queries": self.num_queries,
            "num_left_out": self.num_left_out,
            "figures": [each.to_dict() for each in self.figures],
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvaluationReport:
    """A dataset, measured; ``failures`` are rows, documents and queries that could not be used."""

    dataset: str
    depth: int
    seed: int
    taken: Taken
    failures: tuple[ItemFailure, ...]
    notes: tuple[str, ...]
    tasks: tuple[TaskReport, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as it stands in JSON answers, without the runs."""
        return {
            "dataset": self.dataset,
            "depth": self.depth,
            "seed": self.seed,
            "notes": list(self.notes),
            "num_failed": len(self.failures),
            "failures": [failure_dict(each) for each in self.failures],
            "tasks": [each.to_dict() for each in self.tasks],
        }


def figures_of(task: Task, runs: Runs, *, depth: int, seed: int) -> tuple[Figure, ...]:
    """Every measure of a task's paths, over the queries of all its parts; the same seed gives the same intervals."""
    cutoffs = [k for k in task.cutoffs if k <= depth]
    shipped, vectors, encoder = (_values(task, run, cutoffs) for run in (runs.shipped, runs.vectors, runs.encoder))
    chance = _chance(task, cutoffs, depth)
    return tuple(
        Figure(
            measure=name,
            shipped=_estimate(shipped[name], seed),
            vectors=_estimate(vectors[name], seed),
            encoder=_estimate(encoder[name], seed),
            difference=_estimate(shipped[name] - encoder[name], seed),
            words=_estimate(shipped[name] - vectors[name], seed),
            chance=chance[name],
        )
        for name in measures_of(cutoffs)
    )


def trec_lines(run: Run, tag: str) -> Iterator[str]:
    """A run in the format of TREC: query, Q0, document, rank, score, tag; blanks in ids become underscores."""
    for query, scores in run.items():
        for rank, (document, score) in enumerate(sorted(scores.items(), key=lambda each: -each[1]), start=1):
            yield f"{'_'.join(query.split())} Q0 {'_'.join(document.split())} {rank} {score:.9g} {tag}"


def _values(task: Task, run: Run, cutoffs: Sequence[int]) -> dict[str, Values]:
    parts = [values_of(run, part.judgments, cutoffs) for part in task.parts]
    return {name: np.concatenate([part[name] for part in parts]) for name in measures_of(cutoffs)}


def _chance(task: Task, cutoffs: Sequence[int], depth: int) -> dict[str, float]:
    parts = [chance_of(part.judgments, len(part.shelf.documents), cutoffs, depth=depth) for part in task.parts]
    weights = [len(part.judgments) for part in task.parts]
    return {name: float(np.average([part[name] for part in parts], weights=weights)) for name in measures_of(cutoffs)}


def _estimate(values: Values, seed: int) -> Estimate:
    interval = bootstrap_interval(values, seed=seed)
    return Estimate(value=float(values.mean()), low=interval.low, high=interval.high)
