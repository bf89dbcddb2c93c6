"""Mono sound to log-mel patches: how the teacher hears, and how the first `nano` did.

It follows YAMNet's definition (Hershey et al., ICASSP 2017): magnitude spectra of 25 ms windows under a periodic
Hann, 64 triangular bands on the HTK mel scale, then ``log(mel + 0.001)``. It knows nothing of files or models.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["PatchSpec", "log_mel_patches"]

_HTK_BREAK_HERTZ = 700.0
_HTK_FACTOR = 1127.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSpec:
    """Every number that shapes a patch.

    ``max_patches`` bounds the work a clip can cause: a longer clip is sampled at that many places, evenly.
    """

    rate_hertz: int = 16_000
    window_samples: int = 400
    hop_samples: int = 160
    fft_samples: int = 512
    num_bands: int = 64
    low_hertz: float = 125.0
    high_hertz: float = 7_500.0
    log_offset: float = 0.001
    patch_frames: int = 96
    patch_hop_frames: int = 48
    max_patches: int = 64

    @property
    def patch_samples(self) -> int:
        """How many samples one patch hears (15,600, or 0.975 s)."""
        return self.window_samples + (self.patch_frames - 1) * self.hop_samples


DEFAULT_SPEC = PatchSpec()


def log_mel_patches(samples: NDArray[np.float32], spec: PatchSpec = DEFAULT_SPEC) -> NDArray[np.float32]:
    """Cut mono ``samples`` (n, floats in -1..1 at ``spec.rate_hertz``) into patches (p x frames x bands).

    A clip shorter than one patch is followed by zeros up to the length of one, before the spectrum is taken.
    Patches of a longer one overlap by half and the last is moved back to end with the clip, so no other clip is
    padded (fewer than ``hop_samples`` samples at the very end go unheard). The same samples give the same patches.

    Raises:
        ValueError: the clip is empty, or not one-dimensional.
    """
    if samples.ndim != 1 or samples.size == 0:
        raise ValueError(f"Expected a non-empty one-dimensional array of samples, got shape {samples.shape}.")
    sound = np.asarray(samples, dtype=np.float32)
    if sound.size < spec.patch_samples:
        sound = np.pad(sound, (0, spec.patch_samples - sound.size))
    frames = np.lib.stride_tricks.sliding_window_view(sound, spec.window_samples)[:: spec.hop_samples]
    places = _patch_starts(len(frames), spec)[:, None] + np.arange(spec.patch_frames)
    wanted, which = np.unique(places, return_inverse=True)
    heard = frames if wanted.size == len(frames) else frames[wanted]
    rows = _log_mel(heard, spec)
    patches: NDArray[np.float32] = rows[which.reshape(places.shape)]
    return patches


def _patch_starts(num_frames: int, spec: PatchSpec) -> NDArray[np.intp]:
    """The first frame of each patch, rising."""
    last = num_frames - spec.patch_frames
    num_patches = 1 + -(-last // spec.patch_hop_frames)
    if num_patches > spec.max_patches:
        return np.rint(np.linspace(0, last, spec.max_patches)).astype(np.intp)
    return np.minimum(np.arange(num_patches, dtype=np.intp) * spec.patch_hop_frames, last)


def _log_mel(frames: NDArray[np.float32], spec: PatchSpec) -> NDArray[np.float32]:
    """Windows of sound (f x window) to log-mel rows (f x bands)."""
    spectra = np.abs(np.fft.rfft(frames * _periodic_hann(spec.window_samples), n=spec.fft_samples, axis=1))
    mel = spectra.astype(np.float32, copy=False) @ _mel_bands(spec)
    rows: NDArray[np.float32] = np.log(mel + np.float32(spec.log_offset))
    return rows


@lru_cache(maxsize=4)
def _periodic_hann(num_samples: int) -> NDArray[np.float32]:
    """The Hann window whose period, not span, is ``num_samples``."""
    phase = 2.0 * np.pi * np.arange(num_samples) / num_samples
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


@lru_cache(maxsize=4)
def _mel_bands(spec: PatchSpec) -> NDArray[np.float32]:
    """Triangles on the HTK mel scale, peak one, as a matrix (bins x bands); the zero-hertz bin is never heard."""
    bins = _mel(np.linspace(0.0, spec.rate_hertz / 2, spec.fft_samples // 2 + 1))[:, None]
    edges = np.linspace(_mel(np.array(spec.low_hertz)), _mel(np.array(spec.high_hertz)), spec.num_bands + 2)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bands = np.maximum(0.0, np.minimum(rising, falling))
    bands[0] = 0.0
    return bands.astype(np.float32)


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_HTK_FACTOR * np.log1p(hertz / _HTK_BREAK_HERTZ), dtype=np.float64)
