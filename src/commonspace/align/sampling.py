"""Batches: which rows a step sees and which view of each, as a pure function of the seed and the step.

Rows are grouped by the modalities that they have, so that every batch holds the same share of each kind and a rare
kind never goes without company. Within a kind the order is a fresh shuffle each time round. Because nothing depends
on earlier batches, a run that was cut short goes on with the batches it would have seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from commonspace.align.pairs import Pairs
from commonspace.core.errors import UsageError

__all__ = ["Batch", "Sampler", "Sampling", "concept_codes"]

ROWS, VIEWS, COMPANY = 1, 2, 3
"""Separate streams of random numbers."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How many rows a batch has, and whether kinds of rows count by their number or all alike."""

    batch: int = 512
    seed: int = 0
    balance: Literal["rows", "kinds"] = "rows"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Some rows, and one view of each modality that they have.

    ``features[m]`` is num x ..., ``places[m]`` (num,) says which of the batch's rows each belongs to, rising.
    ``concepts`` (batch,) are numbers; equal ones are one concept.
    """

    rows: NDArray[np.int64]
    concepts: NDArray[np.int64]
    places: Mapping[str, NDArray[np.int64]]
    features: Mapping[str, NDArray[Any]]


@final
class Sampler:
    """Draws the batch of any step from pairs; ``modalities`` are the names whose views are wanted."""

    def __init__(self, pairs: Pairs, sampling: Sampling, modalities: Sequence[str]) -> None:
        self._pairs = pairs
        self._sampling = sampling
        self._modalities = tuple(dict.fromkeys(modalities))
        self._concepts = concept_codes(pairs.concepts)
        present = np.stack([pairs.has(name) for name in self._modalities], axis=1)
        useful = np.flatnonzero(present.any(axis=1))
        if not len(useful):
            raise UsageError(
                "No row has any of the modalities that are trained.", fix="Check the names and the splits."
            )
        kinds = np.unique(present[useful], axis=0, return_inverse=True)[1].reshape(-1)
        self._kinds = [useful[kinds == kind] for kind in range(int(kinds.max()) + 1)]
        self.batch_rows = min(sampling.batch, len(useful))
        self.num_rows = len(useful)

    @property
    def steps_a_round(self) -> int:
        """How many batches it takes to have drawn as many rows as there are."""
        return max(1, round(self.num_rows / self.batch_rows))

    def rows(self, step: int, num_rows: int | None = None) -> NDArray[np.int64]:
        """The rows of one step, each at most once, in no special order."""
        wanted = num_rows or self.batch_rows
        drawn = [self._drawn(kind, step, share) for kind, share in enumerate(self._shares(wanted)) if share]
        rows = np.concatenate(drawn)
        return rows[np.sort(np.unique(rows, return_index=True)[1])]

    def batch(self, step: int, neighbours: NDArray[np.int64] | None = None, *, company: int = 0) -> Batch:
        """The batch of one step.

        Args:
            step: from zero.
            neighbours: rows x mined, the rows that are hard to tell from each row; -1 where there is none.
            company: how many of its neighbours each drawn row brings along; the batch keeps its size at most.
        """
        if neighbours is None or not company:
            return self.gather(self.rows(step), step)
        seeds = self.rows(step, max(1, self.batch_rows // (1 + company)))
        dice = np.random.default_rng((self._sampling.seed, COMPANY, step))
        picks = dice.permuted(neighbours[seeds], axis=1)[:, :company].reshape(-1)
        rows = np.concatenate([seeds, picks[picks >= 0]])
        return self.gather(rows[np.sort(np.unique(rows, return_index=True)[1])], step)

    def gather(self, rows: NDArray[np.int64], step: int) -> Batch:
        """The views of some rows: one of each modality, drawn by the step."""
        dice = np.random.default_rng((self._sampling.seed, VIEWS, step))
        places, features = {}, {}
        for name in self._modalities:
            views = self._pairs.of(name)
            counts = views.counts[rows]
            lots = dice.random(len(rows))
            places[name] = np.flatnonzero(counts)
            chosen = views.offsets[:-1][rows] + np.floor(lots * counts).astype(np.int64)
            features[name] = np.asarray(views.features[chosen[places[name]]])
        return Batch(rows=rows, concepts=self._concepts[rows], places=places, features=features)

    def _shares(self, num_rows: int) -> list[int]:
        """How many rows of each kind a batch has: by number or alike, by largest remainder, at least one each."""
        sizes = np.array([len(kind) for kind in self._kinds], dtype=np.float64)
        weights = sizes if self._sampling.balance == "rows" else np.ones_like(sizes)
        ideal = np.minimum(weights / weights.sum() * num_rows, sizes)
        shares = np.floor(ideal).astype(int)
        missing = min(num_rows, int(sizes.sum())) - int(shares.sum())
        for kind in np.argsort(shares - ideal, kind="stable"):
            add = int(min(max(missing, 0), 1, sizes[kind] - shares[kind]))
            shares[kind] += add
            missing -= add
        return [int(max(1, share)) for share in shares]

    def _drawn(self, kind: int, step: int, share: int) -> NDArray[np.int64]:
        """Rows ``step * share`` onward of one kind's endless stream of shuffles."""
        rows = self._kinds[kind]
        first = step * share
        places = np.arange(first, first + share)
        drawn = np.empty(share, dtype=np.int64)
        for turn in np.unique(places // len(rows)):
            here = places // len(rows) == turn
            order = np.random.default_rng((self._sampling.seed, ROWS, kind, int(turn))).permutation(len(rows))
            drawn[here] = rows[order[places[here] % len(rows)]]
        return drawn


def concept_codes(concepts: Sequence[str]) -> NDArray[np.int64]:
    """A number a concept, equal for equal concepts."""
    return np.unique(np.array(concepts, dtype=np.str_), return_inverse=True)[1].astype(np.int64).reshape(-1)
