"""A tower made of members' towers: each sees its own features, and their vectors are put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.projection import Projection
from commonspace.encode.several.features import unpacked
from commonspace.encode.tower import Features, Preparation, Tower

__all__ = ["JointTower", "Share"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one member adds: its vectors, shifted, scaled to length one and mapped where there is a shift or a map.

    They go to the columns from ``start`` on, times the root of ``weight``.
    """

    tower: Tower
    start: int
    weight: float
    shift: Vectors | None = None
    projection: Projection | None = None

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """The member's rows, as they go into the sum."""
        rows = self.tower.encode(batch)
        if self.shift is not None:
            rows = unit(rows - self.shift)
        if self.projection is not None:
            rows = self.projection(rows)
        return np.asarray(rows * np.float32(self.weight**0.5), dtype=np.float32)


@final
class JointTower:
    """The sum of its shares, scaled to length one.

    In a bundle every share has columns of its own; in a bridge all have the same, and the sum is a weighted mean.
    """

    def __init__(self, modality: Modality, prepare: Preparation, shares: Sequence[Share], dimension: int) -> None:
        self.modality = modality
        self.prepare = prepare
        self._shares = shares
        self._dimension = dimension

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode features to unit vectors, one row each, in order."""
        parts = [[features] for features in batch] if len(self._shares) == 1 else [unpacked(each) for each in batch]
        rows = np.zeros((len(batch), self._dimension), dtype=np.float32)
        for place, share in enumerate(self._shares):
            added = share.encode([each[place] for each in parts])
            rows[:, share.start : share.start + added.shape[1]] += added
        return unit(rows)
