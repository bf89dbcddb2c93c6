"""The print of a sound: the same for the same sound made quieter, padded or noisier, far apart for another."""

import numpy as np
import pytest
from numpy.typing import NDArray

from recipes.corpus.sounds_print import fingerprint

RATE_HERTZ = 16_000


def warble(seed: int, seconds: float) -> NDArray[np.int16]:
    """Struck resonances over the hiss of a room: a sound with structure in time and frequency."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE_HERTZ)) / RATE_HERTZ
    sound = rng.normal(0, 0.02, time.size)
    for _ in range(24):
        onset, hertz, decay = rng.uniform(0, seconds), rng.uniform(100, 7000), rng.uniform(3, 30)
        after = np.maximum(time - onset, 0)
        sound += (time > onset) * np.exp(-after * decay) * np.sin(2 * np.pi * hertz * after) * rng.uniform(0.2, 1)
    return np.rint(sound / np.abs(sound).max() * 30000).astype(np.int16)


def apart(left: str, right: str) -> int:
    return (int(left, 16) ^ int(right, 16)).bit_count()


@pytest.mark.parametrize("seconds", [0.05, 0.4, 1.0, 3.0])
def test_a_print_is_sixteen_hex_digits_of_any_length_of_sound(seconds: float) -> None:
    assert len(fingerprint(warble(0, seconds))) == 16


def test_a_quieter_noisier_copy_is_within_six_bits() -> None:
    sound = warble(1, 2.0)
    copy = sound * 0.5 + np.random.default_rng(0).normal(0, 20, sound.size)
    assert apart(fingerprint(sound), fingerprint(np.rint(copy).astype(np.int16))) <= 6


def test_silence_before_and_after_a_long_sound_changes_nothing() -> None:
    sound = warble(2, 2.0)
    padded = np.pad(sound, (1600, 3200))
    assert apart(fingerprint(sound), fingerprint(padded)) <= 6


def test_different_sounds_are_more_than_ten_bits_apart() -> None:
    prints = [fingerprint(warble(seed, 1.5)) for seed in range(8)]
    distances = [apart(prints[i], prints[j]) for i in range(8) for j in range(i)]
    assert min(distances) > 10
