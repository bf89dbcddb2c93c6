"""Mono sound to log-mel windows, in NumPy alone: the ear of the audio tower, run in decode workers.

It follows Whisper's definition (Radford et al. 2022, arXiv 2212.04356): power spectra of 25 ms under a periodic Hann,
80 triangular bands of equal area on Slaney's mel scale, ``log10``, nothing more than eight decades below the loudest
cell, ``(x + 4) / 4``. It knows nothing of files or models.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["MelSpec", "log_mel_windows", "window_starts"]

_LINEAR_HERTZ = 200.0 / 3.0
_BREAK_HERTZ = 1_000.0
_LOG_STEP = np.log(6.4) / 27.0
"""Slaney's scale: 15 steps to 1,000 Hz, 27 more for every factor of 6.4 (Auditory Toolbox, 1998)."""
_LEAST_POWER = 1e-10

Samples = NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MelSpec:
    """Every number that shapes a window; the model's manifest holds the one its weights were trained on.

    ``max_windows`` bounds the work a clip can cause: a longer clip is heard at that many places, evenly.
    """

    rate_hertz: int = 16_000
    fft_samples: int = 400
    hop_samples: int = 160
    num_bands: int = 80
    range_decades: float = 8.0
    window_frames: int = 200
    max_windows: int = 16

    @property
    def window_samples(self) -> int:
        """How many samples one window hears (32,000, or 2 s)."""
        return self.window_frames * self.hop_samples


DEFAULT_SPEC = MelSpec()


def log_mel_windows(samples: Samples, spec: MelSpec = DEFAULT_SPEC) -> Samples:
    """Cut mono ``samples`` (n, floats in -1..1 at ``spec.rate_hertz``) into windows (w x (bands + 1) x frames).

    The last row of a window is its presence: one where a frame begins inside the clip, zero where zeros follow a clip
    that is shorter than a window. Windows of a longer clip follow one another, and the last is moved back to end with
    the clip. A window does not depend on the rest of its clip; the same samples give the same windows.

    Raises:
        ValueError: the clip is empty, or not one-dimensional.
    """
    if samples.ndim != 1 or samples.size == 0:
        raise ValueError(f"Expected a non-empty one-dimensional array of samples, got shape {samples.shape}.")
    sound = np.asarray(samples, dtype=np.float32)
    num_heard = min(-(-sound.size // spec.hop_samples), spec.window_frames)
    if sound.size < spec.window_samples:
        sound = np.pad(sound, (0, spec.window_samples - sound.size))
    cuts = np.stack([sound[start : start + spec.window_samples] for start in window_starts(sound.size, spec)])
    windows = np.zeros((len(cuts), spec.num_bands + 1, spec.window_frames), dtype=np.float32)
    windows[:, :-1] = _log_mel(cuts, spec)
    windows[:, -1, :num_heard] = 1.0
    return windows


def window_starts(num_samples: int, spec: MelSpec = DEFAULT_SPEC) -> NDArray[np.intp]:
    """The first sample of each window of a clip of so many samples, rising."""
    last = max(0, num_samples - spec.window_samples)
    num_windows = 1 + -(-last // spec.window_samples)
    if num_windows > spec.max_windows:
        return np.rint(np.linspace(0, last, spec.max_windows)).astype(np.intp)
    return np.minimum(np.arange(num_windows, dtype=np.intp) * spec.window_samples, last)


def _log_mel(cuts: Samples, spec: MelSpec) -> Samples:
    """Windows of sound (w x samples) to log-mels (w x bands x frames)."""
    half = spec.fft_samples // 2
    mirrored = np.pad(cuts, ((0, 0), (half, half)), mode="reflect")
    views = np.lib.stride_tricks.sliding_window_view(mirrored, spec.fft_samples, axis=1)
    frames = views[:, :: spec.hop_samples][:, : spec.window_frames]
    spectra = np.fft.rfft(frames * _periodic_hann(spec.fft_samples), axis=2)
    power = (spectra.real**2 + spectra.imag**2).astype(np.float32, copy=False)
    mel = (power @ _mel_bands(spec)).transpose(0, 2, 1)
    decades = np.log10(np.maximum(mel, np.float32(_LEAST_POWER)))
    floor = decades.max(axis=(1, 2), keepdims=True) - np.float32(spec.range_decades)
    return np.asarray((np.maximum(decades, floor) + 4.0) / 4.0, dtype=np.float32)


@lru_cache(maxsize=4)
def _periodic_hann(num_samples: int) -> Samples:
    """The Hann window whose period, not span, is ``num_samples``."""
    phase = 2.0 * np.pi * np.arange(num_samples) / num_samples
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


@lru_cache(maxsize=4)
def _mel_bands(spec: MelSpec) -> Samples:
    """Triangles on Slaney's scale from zero to half the rate, area one each, as a matrix (bins x bands)."""
    top = spec.rate_hertz / 2
    bins = np.linspace(0.0, top, spec.fft_samples // 2 + 1)[:, None]
    edges = _hertz(np.linspace(0.0, _steps(top), spec.num_bands + 2))
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bands = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))
    return bands.astype(np.float32)


def _steps(hertz: float) -> float:
    """Where a frequency above `_BREAK_HERTZ` lies on the scale."""
    return float(_BREAK_HERTZ / _LINEAR_HERTZ + np.log(hertz / _BREAK_HERTZ) / _LOG_STEP)


def _hertz(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    bend = _BREAK_HERTZ / _LINEAR_HERTZ
    return np.where(steps < bend, steps * _LINEAR_HERTZ, _BREAK_HERTZ * np.exp(_LOG_STEP * (steps - bend)))
