"""What a calibration is worth on concepts that it was not fitted on: every value by table row, system and query."""

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.apps.calibrating import Fitting
from commonspace.apps.known_items import Asked, StoreSample
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.evaluate.graded import ndcg_at
from commonspace.evaluate.metrics import best_ranks
from commonspace.retrieve.answered import Answered, Held
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.labelled import Labelled
from commonspace.retrieve.refit import best_probabilities
from commonspace.retrieve.shown import shown

__all__ = ["Collected", "Split", "docstrings", "measure", "questions", "sample", "strangers", "unanswered"]

CUTOFF: Final = 10
MODULES: Final = (
    *("argparse", "email.message", "logging", "shutil", "socket", "statistics", "subprocess", "tarfile", "textwrap"),
    *("threading", "zipfile"),
)
Sides = Mapping[Modality, Labelled]
Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Values by row, then by system, then by query; a query that comes in several splits is averaged over them."""

    rows: dict[tuple[str, ...], dict[str, dict[str, list[float]]]] = field(default_factory=dict)

    def add(self, row: tuple[str, ...], system: str, keys: Sequence[str], values: Floats) -> None:
        """Take in one split's values."""
        mine = self.rows.setdefault(row, {}).setdefault(system, {})
        for key, value in zip(keys, values.tolist(), strict=True):
            mine.setdefault(key, []).append(value)

    def values(self, row: tuple[str, ...], system: str) -> Floats:
        """One value a query, in an order that all systems share."""
        mine = self.rows[row][system]
        return np.array([float(np.mean(mine[key])) for key in sorted(mine)])


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """The unseen half of the concepts as a store, its queries' keys, queries that it cannot answer, and the systems."""

    name: str
    unseen: Fitting
    keys: Mapping[Modality, Sequence[str]]
    foreign: Mapping[Modality, Vectors]
    systems: Mapping[str, Calibration]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything that is measured: R@1, calibration errors, "no good match" said, and lists with one modality more."""

    hubs: Collected = field(default_factory=Collected)
    errors: Collected = field(default_factory=Collected)
    nones: Collected = field(default_factory=Collected)
    lists: Collected = field(default_factory=Collected)


def docstrings() -> list[str]:
    """First sentences of functions and classes of the standard library: questions that no picture answers."""
    found = set()
    for name in MODULES:
        for _, each in inspect.getmembers(importlib.import_module(name)):
            if (inspect.isfunction(each) or inspect.isclass(each)) and each.__module__ == name:
                found.add((inspect.getdoc(each) or "").partition("\n\n")[0].replace("\n", " ")[:120])
    return sorted(found - {""})


def sample(sides: Sides) -> StoreSample:
    """Labelled things as a store: every thing is an item of one segment."""
    return StoreSample(
        held={
            tower: Held(vectors=side.vectors, starts=np.arange(len(side.keys), dtype=np.int64))
            for tower, side in sides.items()
        },
        ids={tower: side.keys for tower, side in sides.items()},
        whole=sum(len(side.keys) for side in sides.values()),
    )


def questions(sides: Sides) -> dict[Modality, Asked]:
    """Every thing as a query that all other things of its concept answer."""
    known: dict[str, set[str]] = {}
    for side in sides.values():
        for concept, key in zip(side.concepts, side.keys, strict=True):
            known.setdefault(concept, set()).add(key)
    return {
        modality: Asked(
            vectors=side.vectors,
            answers=tuple(frozenset(known[one] - {key}) for one, key in zip(side.concepts, side.keys, strict=True)),
            own=side.keys,
        )
        for modality, side in sides.items()
    }


def unanswered(vectors: Vectors) -> Asked:
    """Queries that nothing answers."""
    return Asked(vectors=vectors, answers=(frozenset(),) * len(vectors), own=("",) * len(vectors))


def strangers(sides: Sides, known: Sides) -> dict[Modality, tuple[Vectors, NDArray[np.int64]]]:
    """Media of concepts that a labelled set lacks, and which concept each is of: queries that it cannot answer."""
    lacking = {concept for side in known.values() for concept in side.concepts}
    found = {}
    for modality in (Modality.IMAGE, Modality.AUDIO):
        kept = [place for place, concept in enumerate(sides[modality].concepts) if concept not in lacking]
        _, groups = np.unique([sides[modality].concepts[place] for place in kept], return_inverse=True)
        found[modality] = sides[modality].vectors[kept], np.asarray(groups, np.int64)
    return found


def measure(split: Split, found: Found) -> None:
    """Take in everything of one split."""
    for query in split.unseen.asked:
        answered = {tower: split.unseen.answered(tower)[query] for tower in split.unseen.sample.held}
        for tower, each in answered.items():
            _first_and_error(split, (query, tower), each, found)
        _nones(split, query, answered, found.nones)
        for left in answered:
            _lists(split, (query, left), answered, found.lists)


def _first_and_error(split: Split, pair: tuple[Modality, Modality], answered: Answered, found: Found) -> None:
    query, tower = pair
    row = (f"{query}->{tower}",)
    keys = [key for key, has in zip(split.keys[query], answered.has_answer, strict=True) if has]
    for name, calibration in split.systems.items():
        pairs = answered.matched(calibration.bias(tower, answered.held.vectors))
        scores = np.where(pairs.counted, pairs.scores, -np.inf)
        ranks = best_ranks(scores, pairs.relevant & pairs.counted)
        found.hubs.add(row, name, keys, (ranks == 1).astype(np.float64))
        error = shown(pairs, calibration.prior).error(calibration.directions[pair].logistic)
        found.errors.add(row, name, [split.name], np.array([error]))


def _nones(split: Split, query: Modality, answered: Mapping[Modality, Answered], found: Collected) -> None:
    """Whether "no good match" is said: with an answer there, with it taken away, and to foreign queries."""
    there = np.logical_or.reduce([each.has_answer for each in answered.values()])
    strange = {}
    if query in split.foreign:
        nothing = unanswered(split.foreign[query])
        strange = {tower: split.unseen.sample.answered(tower, nothing) for tower in answered}
    for name, calibration in split.systems.items():
        said = {
            "answered": _refused(answered, calibration, query, with_answers=True)[there],
            "taken away": _refused(answered, calibration, query, with_answers=False)[there],
        }
        if strange:
            said["foreign"] = _refused(strange, calibration, query, with_answers=False)
        for kind, each in said.items():
            keys = [f"{split.name} {place}" for place in range(len(each))]
            found.add((query.value, kind), name, keys, each.astype(np.float64))


def _refused(
    answered: Mapping[Modality, Answered], calibration: Calibration, query: Modality, *, with_answers: bool
) -> NDArray[np.bool_]:
    """Which queries see nothing that is called a good match."""
    best = {
        tower: best_probabilities({tower: each}, calibration, query, with_answers=with_answers)
        for tower, each in answered.items()
    }
    weak = [each < calibration.directions[query, tower].threshold for tower, each in best.items()]
    return np.asarray(np.logical_and.reduce(weak), np.bool_)


def _lists(
    split: Split, pair: tuple[Modality, Modality], answered: Mapping[Modality, Answered], found: Collected
) -> None:
    """What a modality costs the rest: nDCG of the rest's answers in lists without it, and with its wrong items."""
    query, left = pair
    others = [tower for tower in answered if tower is not left]
    right = np.concatenate([answered[tower].relevant & answered[tower].counted for tower in others], axis=1)
    kept = np.atleast_1d(right.any(axis=1))
    keys = [key for key, has in zip(split.keys[query], kept, strict=True) if has]
    none = np.zeros_like(answered[left].relevant)
    orders: dict[str, Callable[[Modality], Floats]] = {"plain": lambda tower: answered[tower].scored().astype(float)}
    orders |= {name: _worth(answered, each, query) for name, each in split.systems.items()}
    for name, order in orders.items():
        rest = [np.where(answered[tower].counted, order(tower), -np.inf) for tower in others]
        wrong = np.where(answered[left].counted & ~answered[left].relevant, order(left), -np.inf)
        row = query.value, " + ".join(others), left.value
        alone = ndcg_at(np.concatenate(rest, axis=1)[kept], right[kept], CUTOFF)
        beside = np.concatenate([*rest, wrong], axis=1), np.concatenate([right, none], axis=1)
        found.add(row, f"{name}, alone", keys, alone)
        found.add(row, name, keys, ndcg_at(beside[0][kept], beside[1][kept], CUTOFF))


def _worth(answered: Mapping[Modality, Answered], calibration: Calibration, query: Modality) -> Callable[..., Floats]:
    def order(tower: Modality) -> Floats:
        scores = answered[tower].scored(calibration.bias(tower, answered[tower].held.vectors))
        return calibration.directions[query, tower].logistic.probability(scores)

    return order
