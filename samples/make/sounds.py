"""Cuts, levels and encodes a source sound; knows nothing of where it came from."""

import io
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

__all__ = ["RATE_HZ", "cut", "decode_sound", "encode_sound", "level", "trim_silence"]

RATE_HZ: Final = 32_000
_PEAK: Final = 0.7
_SUBTYPES: Final = {
    ".ogg": ("OGG", "VORBIS"),
    ".flac": ("FLAC", "PCM_16"),
    ".wav": ("WAV", "PCM_16"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}

Samples = NDArray[np.float32]


def decode_sound(data: bytes) -> Samples:
    """Mono samples at ``RATE_HZ``, from anything that libsndfile reads (WAV, FLAC, Ogg, MP3)."""
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(samples.mean(axis=1), rate, RATE_HZ), dtype=np.float32)


def cut(samples: Samples, *, start_seconds: float, seconds: float, fade_seconds: float = 0.02) -> Samples:
    """The stretch from ``start_seconds``, at most ``seconds`` long, with a short fade at its end."""
    first = int(start_seconds * RATE_HZ)
    piece = samples[first : first + int(seconds * RATE_HZ)].copy()
    fade = min(int(fade_seconds * RATE_HZ), len(piece))
    if fade:
        piece[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return piece


def trim_silence(samples: Samples, *, floor: float = 0.003) -> Samples:
    """Drop what is quieter than ``floor`` of the peak before the first and after the last louder sample."""
    loud = np.flatnonzero(np.abs(samples) > floor * max(float(np.abs(samples).max(initial=0.0)), 1e-9))
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples


def level(samples: Samples) -> Samples:
    """Scale so that the loudest sample is at 0.7 of full scale (silence stays silence)."""
    peak = float(np.abs(samples).max(initial=0.0))
    return samples if peak == 0.0 else (samples * (_PEAK / peak)).astype(np.float32)


def encode_sound(samples: Samples, *, suffix: str) -> bytes:
    """The samples as mono ``.ogg``, ``.flac``, ``.wav`` or ``.mp3`` bytes at ``RATE_HZ``."""
    container, subtype = _SUBTYPES[suffix]
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE_HZ, format=container, subtype=subtype)
    return buffer.getvalue()
