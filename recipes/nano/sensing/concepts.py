"""What a made recording is of: words for it, what it is measured with, and the formula that makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Concept", "Instrument", "Samples", "Signal", "Studio", "bumps", "noise", "pulses", "wander"]

Samples = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """Where a formula is worked out: its randomness, times in seconds, and a pace from 0 (slow) to 1 (fast)."""

    rng: np.random.Generator
    t: Samples
    pace: float

    def between(self, low: float, high: float) -> float:
        """The value that the pace stands for."""
        return low + (high - low) * self.pace

    def near(self, value: float, share: float = 0.1) -> float:
        """A value that differs from recording to recording."""
        return value * (1 + share * float(self.rng.standard_normal()))

    @property
    def phase(self) -> float:
        """An angle."""
        return float(self.rng.uniform(0, 2 * np.pi))


Signal = Callable[[Studio], Samples]
"""Samples x channels in the instrument's first units."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """Channels, each with the units it may be written in (name, factor, offset), rates in hertz, and a length.

    ``seen_rates`` are those of recordings to learn from; the others have ``other_rates``. A recording is at most
    ``seconds`` long and at least the ``shortest`` share of it, so that ingest does not cut it.
    """

    name: str
    channels: tuple[str, ...]
    units: tuple[tuple[str, float, float], ...]
    seen_rates: tuple[float, ...]
    other_rates: tuple[float, ...]
    seconds: float
    shortest: float = 0.7


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """A kind of recording; the last of its ``words`` is never learned from."""

    key: str
    words: tuple[str, ...]
    instrument: Instrument
    signal: Signal


def noise(studio: Studio, scale: float, channels: int = 1) -> Samples:
    """White noise, samples x channels."""
    return scale * studio.rng.standard_normal((len(studio.t), channels))


def wander(studio: Studio, scale: float, channels: int = 1) -> Samples:
    """A random walk with an end-to-end spread of about ``scale``, samples x channels."""
    return np.cumsum(noise(studio, scale / np.sqrt(len(studio.t)), channels), axis=0)


def pulses(studio: Studio, period: float, *, jitter: float = 0.0) -> Samples:
    """Times in seconds, one a period, each off by a share of it."""
    count = int((studio.t[-1] - studio.t[0]) / period) + 2
    gaps = period * np.maximum(0.2, 1 + jitter * studio.rng.standard_normal(count))
    return np.asarray(studio.t[0] + studio.rng.uniform(0, period) + np.cumsum(gaps) - gaps[0])


def bumps(studio: Studio, times: Samples, width: float, heights: Samples | float = 1.0) -> Samples:
    """Bell curves at times; one number a sample."""
    heights = np.broadcast_to(heights, times.shape)
    found = np.zeros_like(studio.t)
    for time, height in zip(times, heights, strict=True):
        found += height * np.exp(-0.5 * ((studio.t - time) / width) ** 2)
    return found
