"""Make one training scene: a cut of a recording, perhaps mixed, coloured, reverberant, noisy, faint or short.

Values in, values out: a scene is fixed by its generator and the recordings offered. The teacher labels what comes out.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recipes.nano.audio.synthesis import coloured_noise

__all__ = ["SCENE_SAMPLES", "Pick", "make_scene"]

SCENE_SAMPLES = 32_000
LEAST_SAMPLES = 1_600
RATE_HERTZ = 16_000
Sound = NDArray[np.float32]
Pick = Callable[[np.random.Generator], Sound]
"""Draw one recording's samples."""


def make_scene(rng: np.random.Generator, pick: Pick) -> Sound:
    """Draw a scene of ``SCENE_SAMPLES`` samples at most: a short sound may end there, or be followed by silence."""
    sound = _voice(rng, pick(rng))
    if rng.random() < 0.3:
        for _ in range(1 + (rng.random() < 0.25)):
            sound = _mixed(sound, _voice(rng, pick(rng)), rng.uniform(-10, 10))
    if rng.random() < 0.2:
        sound = _reverberant(rng, sound)
    if rng.random() < 0.2:
        noise = coloured_noise(rng, SCENE_SAMPLES, rng.choice([0.0, 1.0, 2.0]))
        sound = _mixed(sound, noise, -rng.uniform(0, 30))
    if rng.random() < 0.6:
        sound = sound * np.float32(10 ** (rng.uniform(-36, -1) / 20) / max(float(np.abs(sound).max()), 1e-4))
    if rng.random() < 0.15:
        sound = sound[: max(LEAST_SAMPLES, int(rng.uniform(0.05, 0.9) * sound.size))]
    if rng.random() < 0.5:
        sound = _stretched(sound, SCENE_SAMPLES)
    return np.clip(sound, -1.0, 1.0).astype(np.float32)


def _voice(rng: np.random.Generator, recording: Sound) -> Sound:
    """A cut of one recording at a random place, perhaps faster, slower or filtered."""
    speed = rng.uniform(0.75, 1.35) if rng.random() < 0.35 else 1.0
    needed = int(SCENE_SAMPLES * speed) + 1
    start = int(rng.integers(0, max(1, recording.size - needed // 2)))
    cut = recording[start : start + needed]
    places = np.arange(min(SCENE_SAMPLES, int(cut.size / speed))) * speed
    sound = np.interp(places, np.arange(cut.size), cut).astype(np.float32) if speed != 1.0 else cut[: places.size]
    return _filtered(rng, sound) if rng.random() < 0.2 else sound


def _mixed(first: Sound, second: Sound, decibels: float) -> Sound:
    """Add ``second`` to ``first``, its level ``decibels`` above the first's; silence follows the shorter one."""
    level = np.sqrt(float(np.mean(first**2)) + 1e-9) / np.sqrt(float(np.mean(second**2)) + 1e-9)
    size = max(first.size, second.size)
    return _stretched(first, size) + _stretched(second, size) * np.float32(min(level, 1e3) * 10 ** (decibels / 20))


def _stretched(sound: Sound, size: int) -> Sound:
    return np.pad(sound, (0, size - sound.size))


def _filtered(rng: np.random.Generator, sound: Sound) -> Sound:
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(sound.size, 1 / RATE_HERTZ)
    gain = np.ones_like(hertz)
    if rng.random() < 0.6:
        gain /= 1 + (hertz / rng.uniform(800, 6000)) ** 4
    if rng.random() < 0.6:
        gain /= 1 + (rng.uniform(80, 900) / np.maximum(hertz, 1.0)) ** 4
    return np.fft.irfft(spectrum * gain, n=sound.size).astype(np.float32)


def _reverberant(rng: np.random.Generator, sound: Sound) -> Sound:
    """Convolve with decaying noise (60 dB down after 0.1 to 0.8 s) and mix with the dry sound."""
    length = int(rng.uniform(0.1, 0.8) * RATE_HERTZ)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    size = 1 << (sound.size + length - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: sound.size]
    return _mixed(sound, wet.astype(np.float32), rng.uniform(-18, 0))
