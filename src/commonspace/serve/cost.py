"""What work costs: a tower's seconds for a batch, measured at the start and corrected by what batches then take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from commonspace.core.modality import Modality
from commonspace.encode.tower import Features

__all__ = ["Curve", "Gauge", "Observation", "fit_curve", "group_of", "units_of"]

LENGTH_STEP: Final = 8
RISING: Final = 0.05
FALLING: Final = 0.2
"""How much one batch moves the correction. It falls sooner than it rises: while little is let in few batches run, and a
disturbance would be remembered long after it is over."""
LEAST, MOST = 0.2, 50.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A batch of so many units took so many seconds."""

    units: int
    seconds: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A batch takes ``base_seconds`` and ``unit_seconds`` for each unit of work in it, on one slot."""

    base_seconds: float
    unit_seconds: float

    def seconds(self, units: float) -> float:
        """What a batch of so many units takes."""
        return self.base_seconds + self.unit_seconds * units


def units_of(modality: Modality, features: Features) -> int:
    """Work in one piece: padded tokens of a text, windows of a sound, one for a picture."""
    if modality == Modality.TEXT:
        return -(-len(features) // LENGTH_STEP) * LENGTH_STEP
    return len(features) if modality == Modality.AUDIO else 1


def group_of(modality: Modality, features: Features) -> int:
    """Pieces of one group share a batch without padding: texts of about one length, all pictures, all sounds."""
    return units_of(modality, features) if modality == Modality.TEXT else 0


def fit_curve(observed: Sequence[Observation]) -> Curve:
    """The line through what was observed, by least squares, neither part below zero."""
    units = np.array([each.units for each in observed], dtype=np.float64)
    seconds = np.array([each.seconds for each in observed], dtype=np.float64)
    per_unit = float(seconds.sum() / units.sum())
    if len(set(units)) > 1:
        slope, base = (float(value) for value in np.polyfit(units, seconds, 1))
        if slope > 0 and base >= 0:
            return Curve(base_seconds=base, unit_seconds=slope)
    return Curve(base_seconds=0.0, unit_seconds=per_unit)


@final
class Gauge:
    """A curve, and how much slower or faster batches have been of late (other load, other batches beside them)."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        self.correction = 1.0

    def seconds(self, units: float) -> float:
        """What a batch of so many units takes nowadays."""
        return self.correction * self.curve.seconds(units)

    def piece_seconds(self, units: float) -> float:
        """What a piece adds to a batch that runs anyway."""
        return self.correction * self.curve.unit_seconds * units

    def learn(self, units: float, seconds: float) -> None:
        """Take in what a batch took."""
        ratio = seconds / max(self.curve.seconds(units), 1e-9)
        change = min(max(ratio, LEAST), MOST) - self.correction
        self.correction += (RISING if change > 0 else FALLING) * change
