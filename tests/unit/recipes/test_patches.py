"""Log-mel patches: what the teacher hears, and what the first version of nano did."""

import dataclasses
import json

import numpy as np
import pytest
from numpy.typing import NDArray

from recipes.nano.audio.patches import PatchSpec, log_mel_patches

SPEC = PatchSpec()


def a_sound(num_samples: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise with a rising tone in it."""
    rng = np.random.default_rng(seed)
    time = np.arange(num_samples) / SPEC.rate_hertz
    tone = 0.3 * np.sin(2 * np.pi * (300 + 900 * time) * time)
    return (tone + 0.05 * rng.standard_normal(num_samples)).astype(np.float32)


def slow_log_mel_frame(window: NDArray[np.float32]) -> list[float]:
    """One frame from the definition, term by term: Hann, discrete Fourier transform, HTK triangles, logarithm."""
    count, size = len(window), SPEC.fft_samples
    hann = [0.5 - 0.5 * np.cos(2 * np.pi * n / count) for n in range(count)]
    shaped = np.array([float(x) * h for x, h in zip(window, hann, strict=True)])
    bins = range(size // 2 + 1)
    magnitude = [abs(np.sum(shaped * np.exp(-2j * np.pi * k * np.arange(count) / size))) for k in bins]
    low, high = (1127.0 * np.log(1 + hertz / 700.0) for hertz in (SPEC.low_hertz, SPEC.high_hertz))
    edges = [low + (high - low) * i / (SPEC.num_bands + 1) for i in range(SPEC.num_bands + 2)]
    frame = []
    for band in range(SPEC.num_bands):
        left, middle, right = edges[band : band + 3]
        total = 0.0
        for k in bins:
            mel = 1127.0 * np.log(1 + (k * SPEC.rate_hertz / size) / 700.0)
            if left < mel < right:
                slope = (mel - left) / (middle - left) if mel <= middle else (right - mel) / (right - middle)
                total += magnitude[k] * slope
        frame.append(float(np.log(total + 0.001)))
    return frame


def test_a_frame_equals_the_definition_written_as_loops() -> None:
    sound = a_sound(SPEC.patch_samples)
    (patch,) = log_mel_patches(sound)
    for frame in (0, 41, 95):
        start = frame * SPEC.hop_samples
        expected = slow_log_mel_frame(sound[start : start + SPEC.window_samples])
        np.testing.assert_allclose(patch[frame], expected, atol=1e-4)


def test_silence_is_the_logarithm_of_the_offset_everywhere() -> None:
    patches = log_mel_patches(np.zeros(SPEC.patch_samples, dtype=np.float32))
    np.testing.assert_allclose(patches, np.log(0.001), atol=1e-6)


@pytest.mark.parametrize(
    ("num_samples", "num_patches"),
    [(1, 1), (399, 1), (15_600, 1), (15_759, 1), (15_760, 2), (23_280, 2), (23_440, 3), (160_000, 20)],
)
def test_patches_overlap_by_half_and_the_last_ends_with_the_clip(num_samples: int, num_patches: int) -> None:
    patches = log_mel_patches(a_sound(num_samples))
    assert patches.shape == (num_patches, 96, 64)
    assert patches.dtype == np.float32


def test_a_patch_does_not_depend_on_the_rest_of_the_clip() -> None:
    sound = a_sound(5 * SPEC.rate_hertz)
    third = 2 * SPEC.patch_hop_frames * SPEC.hop_samples
    alone = log_mel_patches(sound[third : third + SPEC.patch_samples])
    np.testing.assert_allclose(log_mel_patches(sound)[2], alone[0], atol=1e-5)


def test_the_last_patch_is_the_clips_last_whole_frames() -> None:
    sound = a_sound(20_000)
    start = (20_000 - SPEC.patch_samples) // SPEC.hop_samples * SPEC.hop_samples
    np.testing.assert_allclose(log_mel_patches(sound)[-1], log_mel_patches(sound[start:])[0], atol=1e-5)


def test_a_short_clip_is_followed_by_zeros() -> None:
    short = a_sound(3_000)
    padded = np.concatenate([short, np.zeros(SPEC.patch_samples - 3_000, dtype=np.float32)])
    np.testing.assert_array_equal(log_mel_patches(short), log_mel_patches(padded))


def test_a_long_clip_is_heard_at_evenly_spread_places_up_to_the_bound() -> None:
    spec = dataclasses.replace(SPEC, max_patches=5)
    sound = a_sound(30 * SPEC.rate_hertz)
    patches = log_mel_patches(sound, spec)
    assert patches.shape == (5, 96, 64)
    np.testing.assert_allclose(patches[0], log_mel_patches(sound[: SPEC.patch_samples])[0], atol=1e-5)
    last = (sound.size - SPEC.patch_samples) // SPEC.hop_samples * SPEC.hop_samples
    np.testing.assert_allclose(patches[-1], log_mel_patches(sound[last:])[0], atol=1e-5)


def test_the_same_clip_gives_the_same_patches() -> None:
    sound = a_sound(40_000)
    np.testing.assert_array_equal(log_mel_patches(sound), log_mel_patches(sound.copy()))


@pytest.mark.parametrize("shape", [(0,), (16_000, 2)])
def test_an_empty_or_many_channelled_clip_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one-dimensional"):
        log_mel_patches(np.zeros(shape, dtype=np.float32))


def test_the_specification_survives_a_manifest() -> None:
    assert PatchSpec(**json.loads(json.dumps(dataclasses.asdict(SPEC)))) == SPEC
