"""Plain numbers about a signal: its level and spread, its spectrum in hertz, its beats; NumPy only."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from commonspace.encode.sensing.channels import standardised

__all__ = ["NUM_BANDS", "NUM_LEVELS", "NUM_RHYTHMS", "bands", "levels", "main_period", "power", "rhythms"]

Samples = NDArray[np.float64]
LOWEST_OCTAVE, HIGHEST_OCTAVE = -20, 14
"""Bands reach from a period of twelve days to 16 kHz."""
NUM_BANDS: Final = 2 * (HIGHEST_OCTAVE - LOWEST_OCTAVE)
NUM_LEVELS: Final = 9
NUM_RHYTHMS: Final = 14
FLOOR: Final = 1e-4
HARMONICS: Final = (0.5, 1.0, 2.0, 3.0, 4.0)
BEAT_HEIGHT: Final = 1.5
"""A beat is a peak of this many spreads above the mean."""
LEAST_BEATS: Final = 3


def levels(samples: Samples) -> Samples:
    """Level, spread and shape in the unit of the signal: logarithms with a sign, so that any magnitude fits."""
    shape = standardised(samples)
    steps = np.diff(samples)
    third, fourth = float((shape**3).mean()), float((shape**4).mean())
    told = [samples.mean(), samples.std(), samples.min(), samples.max(), steps.std(), shape[-1] - shape[0]]
    return np.array([*(_signed_log(value) for value in told), third, np.log1p(fourth), np.abs(shape).max()])


def bands(spectrum: Samples, frequencies: Samples) -> Samples:
    """The share of a spectrum's power in each half octave, on a logarithmic scale from zero to four."""
    places = np.floor(2 * (np.log2(frequencies) - LOWEST_OCTAVE)).astype(np.int64)
    shares = np.bincount(np.clip(places, 0, NUM_BANDS - 1), weights=spectrum, minlength=NUM_BANDS)
    return np.asarray(np.log10(shares / max(float(spectrum.sum()), 1e-30) + FLOOR) - np.log10(FLOOR))


def power(samples: Samples, rate_hz: float) -> tuple[Samples, Samples]:
    """Power (Hann window) and the frequencies in hertz it stands at, zero left out."""
    shape = standardised(samples)
    spectrum = np.square(np.abs(np.fft.rfft(shape * np.hanning(len(shape)))), dtype=np.float64)
    frequencies = np.asarray(np.fft.rfftfreq(len(shape), 1 / rate_hz), dtype=np.float64)
    return spectrum[1:], frequencies[1:]


def main_period(spectrum: Samples, frequencies: Samples) -> float:
    """Seconds of the strongest frequency."""
    return float(1 / frequencies[int(np.argmax(spectrum))])


def rhythms(samples: Samples, rate_hz: float, spectrum: Samples, frequencies: Samples) -> Samples:
    """The strongest frequency, what stands at its multiples, how even the spectrum is, and how regular the beats."""
    total = max(float(spectrum.sum()), 1e-30)
    main = 1 / main_period(spectrum, frequencies)
    near = [spectrum[np.abs(frequencies - main * times) <= 0.1 * main * times].sum() / total for times in HARMONICS]
    above = spectrum[frequencies > 4.5 * main].sum() / total
    shares = spectrum / total
    evenness = -float((shares * np.log(shares + 1e-12)).sum()) / np.log(len(shares) + 1.0)
    centre = float((shares * np.log2(frequencies)).sum())
    width = float(np.sqrt(max((shares * np.square(np.log2(frequencies) - centre)).sum(), 0.0)))
    seconds = len(samples) / rate_hz
    told = [np.log2(main), *near, above, evenness, centre, width, np.log2(seconds)]
    return np.array([*told, *_beats(standardised(samples), rate_hz)], dtype=np.float64)


def _beats(shape: Samples, rate_hz: float) -> Sequence[float]:
    """Beats a second (logarithm) and the spread of the times between them, as a share of their mean; their number."""
    above = shape > BEAT_HEIGHT
    starts = np.flatnonzero(above[1:] & ~above[:-1])
    if len(starts) < LEAST_BEATS:
        return (0.0, 0.0, float(len(starts)))
    gaps = np.diff(starts) / rate_hz
    return (float(-np.log2(gaps.mean())), float(gaps.std() / gaps.mean()), float(np.log1p(len(starts))))


def _signed_log(value: float) -> float:
    """Near zero as it is, far from it its logarithm, with its sign; a hundredth of the unit is where that turns."""
    return float(np.arcsinh(100 * value))
