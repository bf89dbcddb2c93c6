"""Sounds made from nothing but a seeded generator: rain, wind, an engine; our own work, CC0."""

import numpy as np
from numpy.typing import NDArray

from samples.make.sounds import RATE_HZ

__all__ = ["engine", "rain", "wind"]

Samples = NDArray[np.float32]


def rain(seconds: float, *, seed: int, drops_a_second: float = 4_000.0) -> Samples:
    """Steady rain: thousands of filtered clicks a second over a soft hiss."""
    generator = np.random.default_rng(seed)
    length = int(seconds * RATE_HZ)
    clicks = np.zeros(length)
    where = generator.integers(0, length, int(drops_a_second * seconds))
    np.add.at(clicks, where, generator.exponential(1.0, len(where)) * generator.choice((-1.0, 1.0), len(where)))
    drops = _band(clicks, low_hz=900.0, high_hz=9_000.0)
    hiss = _band(generator.standard_normal(length), low_hz=1_500.0, high_hz=12_000.0)
    swell = 1.0 + 0.15 * _slow(generator, length, rate_hz=0.7)
    return _unit((drops / drops.std() + 0.8 * hiss / hiss.std()) * swell)


def wind(seconds: float, *, seed: int) -> Samples:
    """Gusting wind: low noise whose loudness and brightness wander together."""
    generator = np.random.default_rng(seed)
    length = int(seconds * RATE_HZ)
    noise = generator.standard_normal(length)
    low, high = _band(noise, low_hz=60.0, high_hz=400.0), _band(noise, low_hz=300.0, high_hz=1_100.0)
    gust = np.clip(0.5 + 0.5 * _slow(generator, length, rate_hz=0.5), 0.05, None)
    return _unit(low / low.std() * gust + 0.5 * high / high.std() * gust**2)


def engine(seconds: float, *, seed: int, idle_hz: float = 24.0) -> Samples:
    """A four-stroke engine that speeds up and settles: firing pulses with their harmonics, and some noise."""
    generator = np.random.default_rng(seed)
    length = int(seconds * RATE_HZ)
    time = np.linspace(0.0, 1.0, length)
    firing = idle_hz * (1.0 + 1.6 * np.sin(np.pi * time) ** 2) * (1.0 + 0.015 * _slow(generator, length, rate_hz=6.0))
    phase = 2.0 * np.pi * np.cumsum(firing) / RATE_HZ
    tone = sum(np.sin(k * phase + generator.uniform(0.0, 6.3)) / k**0.9 for k in range(1, 24))
    pulse = np.clip(np.sin(phase), 0.0, None) ** 4
    noise = _band(generator.standard_normal(length), low_hz=150.0, high_hz=3_000.0)
    return _unit(np.tanh(0.9 * tone) + 0.9 * noise / noise.std() * pulse)


def _band(signal: NDArray[np.float64], *, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Keep frequencies between the two, with soft edges (in the frequency domain)."""
    spectrum = np.fft.rfft(signal)
    hertz = np.fft.rfftfreq(len(signal), 1.0 / RATE_HZ)
    gain = 1.0 / np.sqrt(1.0 + (low_hz / np.maximum(hertz, 1e-3)) ** 4) / np.sqrt(1.0 + (hertz / high_hz) ** 4)
    return np.fft.irfft(spectrum * gain, len(signal))


def _slow(generator: np.random.Generator, length: int, *, rate_hz: float) -> NDArray[np.float64]:
    """A wandering curve of about unit size that turns ``rate_hz`` times a second."""
    knots = generator.standard_normal(max(4, int(length / RATE_HZ * rate_hz) + 3))
    return np.interp(np.linspace(0.0, len(knots) - 1.0, length), np.arange(len(knots)), knots)


def _unit(signal: NDArray[np.float64]) -> Samples:
    return np.asarray(0.7 * signal / np.abs(signal).max(), dtype=np.float32)
