"""What a space knows of its own scores: how likely relevant, what is good enough, and which items are hubs.

It moves no vector, so a space's fingerprint does not cover it: two spaces of one fingerprint and different
calibrations fill and search the same stores.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.retrieve.hubness import Bank
from commonspace.retrieve.logistic import Logistic

__all__ = ["Calibration", "Direction", "Pair"]

Pair = tuple[Modality, Modality]
"""The query's modality, and that of the tower which made the item's vector."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """One direction's logistic, and the probability from which on a hit is a good match.

    ``num_queries`` had something to find when it was fitted; ``error`` is the expected calibration error on queries
    that the fit did not see (None where none were left for that).
    """

    logistic: Logistic
    threshold: float
    num_queries: int = 0
    error: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """Directions by query and tower, banks by tower, weights by the item's modality (one where none is given).

    A query modality is there with every tower or not at all, so a mixed list can always be compared. ``prior`` is the
    share of relevant items that the probabilities are stated for.
    """

    prior: float
    directions: Mapping[Pair, Direction]
    banks: Mapping[Modality, Bank] = field(default_factory=dict)
    weights: Mapping[Modality, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        towers = {tower for _, tower in self.directions}
        lacking = [
            (query, tower) for query in self.queries for tower in towers if (query, tower) not in self.directions
        ]
        if lacking:
            query, tower = lacking[0]
            raise ValueError(f"{query} queries are calibrated for some towers, but not for {tower}")

    @property
    def queries(self) -> tuple[Modality, ...]:
        """The query modalities that have probabilities."""
        return tuple(sorted({query for query, _ in self.directions}))

    @property
    def towers(self) -> tuple[Modality, ...]:
        """The towers whose vectors have probabilities."""
        return tuple(sorted({tower for _, tower in self.directions}))

    def bias(self, tower: Modality, vectors: Vectors) -> NDArray[np.float32]:
        """What is taken off the scores of vectors (n x d) that a tower made; zero where it has no bank."""
        bank = self.banks.get(tower)
        return np.zeros(len(vectors), np.float32) if bank is None else bank.bias(vectors)
