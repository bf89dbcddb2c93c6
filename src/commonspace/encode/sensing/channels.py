"""A recording in a form that its bookkeeping cannot change: common units, channels by name, no mean, one length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.item import Trace
from commonspace.ingest.units import OTHER, unit_of

__all__ = ["Channel", "by_quantity", "channels_of", "resampled", "standardised"]

Samples = NDArray[np.float64]
LEAST_AXES: Final = 2
RELATIVE_NOISE: Final = 1e-6
"""What varies less than this share of its level is taken as constant: float32 holds no more."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Channel:
    """One signal in the common unit of what it measures."""

    quantity: str
    samples: Samples


def channels_of(trace: Trace) -> list[Channel]:
    """The channels ordered by name, then for every quantity of several channels the length of their vector.

    How a sensor was fastened turns its axes; the length of the vector does not turn. Only channels of a known unit
    are joined so.
    """
    order = sorted(range(len(trace.channels)), key=lambda place: (trace.channels[place], trace.units[place]))
    single = [_channel(trace.array[:, place], trace.units[place]) for place in order]
    by_quantity: dict[str, list[Samples]] = {}
    for channel in single:
        by_quantity.setdefault(channel.quantity, []).append(channel.samples)
    joined = [
        Channel(quantity=quantity, samples=np.sqrt(np.sum(np.square(axes), axis=0)))
        for quantity, axes in sorted(by_quantity.items())
        if len(axes) >= LEAST_AXES and quantity != OTHER
    ]
    return single + joined


def resampled(samples: Samples, length: int) -> Samples:
    """A signal at ``length`` equal steps from its start to its end.

    Where samples are dropped each step is the mean of what it spans (so nothing above half the new rate folds back);
    where they are too few, a straight line runs between them.
    """
    if len(samples) <= length:
        return np.interp(np.linspace(0, len(samples) - 1, length), np.arange(len(samples)), samples)
    sums = np.concatenate([[0.0], np.cumsum(samples)])
    edges = np.linspace(0, len(samples), length + 1)
    reached = np.interp(edges, np.arange(len(samples) + 1), sums)
    return np.asarray(np.diff(reached) / np.diff(edges))


def standardised(samples: Samples) -> Samples:
    """Mean zero and spread one; zeros where nothing varies."""
    centred = samples - samples.mean()
    spread = centred.std()
    if spread <= RELATIVE_NOISE * float(np.abs(samples).max()) or spread == 0:
        return np.zeros_like(centred)
    return np.asarray(centred / spread)


def by_quantity(channels: Sequence[Channel]) -> dict[str, list[Channel]]:
    """The channels under what they measure."""
    found: dict[str, list[Channel]] = {}
    for channel in channels:
        found.setdefault(channel.quantity, []).append(channel)
    return found


def _channel(samples: NDArray[np.floating], name: str) -> Channel:
    unit = unit_of(name)
    if unit is None:
        return Channel(quantity=OTHER, samples=samples.astype(np.float64))
    return Channel(quantity=unit.quantity, samples=samples.astype(np.float64) * unit.scale + unit.offset)
