"""How well directions find: every query against every item of its concept, with intervals and chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from commonspace.align.figures import CUTOFFS, Figures, Recall
from commonspace.align.pairs import Pairs, Views
from commonspace.core.vectors import Vectors
from commonspace.evaluate.metrics import best_ranks, bootstrap_interval, chance_recall, median_rank, recall_at

__all__ = [
    "Comparison",
    "Side",
    "System",
    "compare",
    "direction_figures",
    "directions",
    "distinct",
    "figures",
    "mean_recall",
    "recalls",
]

QUERIES_A_BLOCK = 512


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """The items of one modality: unit vectors (n x d), and the concept of each."""

    vectors: Vectors
    concepts: tuple[str, ...]


class System(Protocol):
    """A way to make modalities comparable: the old space, a closed form, the trained heads."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def sides(self, pairs: Pairs, query: str, corpus: str) -> tuple[Side, Side] | None:
        """Both sides of a direction in one space; None when this system cannot compare the two."""
        ...


def directions(modalities: Sequence[str]) -> list[tuple[str, str]]:
    """Every ordered pair of modalities, as (query, corpus)."""
    return list(permutations(sorted(modalities), 2))


def distinct(pairs: Pairs, modality: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The places of a modality's views and their concepts, leaving out what a concept already holds to the byte."""
    views: Views = pairs.of(modality)
    seen: dict[tuple[str, bytes], int] = {}
    for place, (row, view) in enumerate(zip(views.row_of_view.tolist(), views.features, strict=True)):
        seen.setdefault((pairs.concepts[row], view.tobytes()), place)
    return np.array(list(seen.values()), dtype=np.int64), tuple(concept for concept, _ in seen)


def figures(system: System, suites: Mapping[str, Pairs], modalities: Sequence[str], *, seed: int) -> list[Figures]:
    """Every direction of every suite that the system can compare and that has something to find."""
    found = []
    for suite, pairs in suites.items():
        held = [name for name in modalities if name in pairs.views and len(pairs.of(name).features)]
        each = (direction_figures(system, (suite, pairs), direction, seed=seed) for direction in directions(held))
        found += [measured for measured in each if measured is not None]
    return found


def direction_figures(
    system: System, suite: tuple[str, Pairs], direction: tuple[str, str], *, seed: int
) -> Figures | None:
    """One direction of a suite (its name and rows); None where the system cannot, or there is nothing to find."""
    query, corpus = direction
    sides = system.sides(suite[1], query, corpus)
    measured = None if sides is None else _measured(f"{query}->{corpus}", *sides, seed=seed)
    return None if measured is None else _figures(suite[0], system.name, measured)


def mean_recall(system: System, pairs: Pairs, wanted: Sequence[tuple[str, str]]) -> float:
    """The mean over directions of R@1, R@5 and R@10 together, in 0..1: what a run watches; higher is better."""
    scores = []
    for query, corpus in wanted:
        sides = system.sides(pairs, query, corpus)
        ranks = _ranks(*sides)[0] if sides is not None else np.empty(0, dtype=np.int64)
        if len(ranks):
            scores.append(float(np.mean([recall_at(ranks, k) for k in CUTOFFS])))
    return float(np.mean(scores)) if scores else 0.0


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Measured:
    direction: str
    ranks: NDArray[np.int64]
    num_relevant: NDArray[np.int64]
    num_items: int
    num_left_out: int
    seed: int


def _measured(direction: str, queries: Side, corpus: Side, *, seed: int) -> _Measured | None:
    ranks, num_relevant = _ranks(queries, corpus)
    if not len(ranks):
        return None
    return _Measured(
        direction=direction,
        ranks=ranks,
        num_relevant=num_relevant,
        num_items=len(corpus.concepts),
        num_left_out=len(queries.concepts) - len(ranks),
        seed=seed,
    )


def _figures(suite: str, system: str, measured: _Measured) -> Figures:
    recalls = []
    for k in CUTOFFS:
        interval = bootstrap_interval((measured.ranks <= k).astype(np.float64), seed=measured.seed)
        chance = chance_recall(measured.num_items, measured.num_relevant, k)
        value = recall_at(measured.ranks, k)
        recalls.append(Recall(k=k, value=value, low=interval.low, high=interval.high, chance=chance))
    return Figures(
        suite=suite,
        direction=measured.direction,
        system=system,
        num_queries=len(measured.ranks),
        num_left_out=measured.num_left_out,
        num_items=measured.num_items,
        median_rank=median_rank(measured.ranks),
        recalls=tuple(recalls),
    )


def _ranks(queries: Side, corpus: Side) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rank of every query that has something to find, and how many items would answer it; block by block."""
    codes = {concept: code for code, concept in enumerate(dict.fromkeys(corpus.concepts))}
    held = np.array([codes[concept] for concept in corpus.concepts], dtype=np.int64)
    asked = np.array([codes.get(concept, -1) for concept in queries.concepts], dtype=np.int64)
    kept = np.flatnonzero(asked >= 0)
    ranks, counts = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for start in range(0, len(kept), QUERIES_A_BLOCK):
        block = kept[start : start + QUERIES_A_BLOCK]
        relevant = asked[block][:, None] == held[None, :]
        ranks.append(best_ranks(queries.vectors[block] @ corpus.vectors.T, relevant))
        counts.append(relevant.sum(axis=1))
    return np.concatenate(ranks), np.concatenate(counts)


def recalls(system: System, suites: Mapping[str, Pairs], modalities: Sequence[str], k: int) -> dict[str, float]:
    """R@k of every direction of every suite by the name that the gate uses; no intervals, so it is quick."""
    found = {}
    for suite, pairs in suites.items():
        for query, corpus in directions([name for name in modalities if name in pairs.views]):
            sides = system.sides(pairs, query, corpus)
            ranks = _ranks(*sides)[0] if sides is not None else np.empty(0, dtype=np.int64)
            if len(ranks):
                found[f"{suite}: {query}->{corpus}"] = recall_at(ranks, k)
    return found


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One system against another over the same queries: R@k of both, and the paired interval of the difference."""

    system: str
    rival: str
    own: float
    other: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """What to make of it: better, worse, or not to be told apart at 95%."""
        if self.low > 0:
            return "beats it"
        return "is beaten by it" if self.high < 0 else "cannot be told from it on this many queries"


def compare(
    systems: tuple[System, System], pairs: Pairs, wanted: Sequence[tuple[str, str]], *, k: int, seed: int
) -> Comparison | None:
    """The first system against the second over all queries of some directions; None where they share no direction."""
    hits: list[list[NDArray[np.float64]]] = [[], []]
    for query, corpus in wanted:
        sides = [system.sides(pairs, query, corpus) for system in systems]
        if sides[0] is None or sides[1] is None:
            continue
        for held, both in zip(hits, sides, strict=True):
            held.append((_ranks(*both)[0] <= k).astype(np.float64) if both is not None else np.empty(0))
    if not sum(len(each) for each in hits[0]):
        return None
    own, other = (np.concatenate(held) for held in hits)
    interval = bootstrap_interval(own - other, seed=seed)
    return Comparison(
        system=systems[0].name,
        rival=systems[1].name,
        own=float(own.mean()),
        other=float(other.mean()),
        low=interval.low,
        high=interval.high,
    )
