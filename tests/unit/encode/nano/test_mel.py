"""Log-mel windows: what the audio tower hears."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from commonspace.core.item import Audio
from commonspace.encode.nano.audio import AudioPreparation
from commonspace.encode.nano.mel import MelSpec, log_mel_windows, window_starts

SPEC = MelSpec()
WINDOW = SPEC.window_samples


def a_sound(num_samples: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise with a rising tone in it."""
    rng = np.random.default_rng(seed)
    time = np.arange(num_samples) / SPEC.rate_hertz
    tone = 0.3 * np.sin(2 * np.pi * (300 + 900 * time) * time)
    return (tone + 0.05 * rng.standard_normal(num_samples)).astype(np.float32)


def slow_mel_frame(piece: NDArray[np.float32]) -> list[float]:
    """One frame's bands from the definition, term by term: Hann, discrete Fourier transform, Slaney's triangles."""
    size = len(piece)
    shaped = np.array([float(x) * (0.5 - 0.5 * np.cos(2 * np.pi * n / size)) for n, x in enumerate(piece)])
    bins = range(size // 2 + 1)
    power = [abs(np.sum(shaped * np.exp(-2j * np.pi * k * np.arange(size) / size))) ** 2 for k in bins]
    top = 15 + 27 * np.log(SPEC.rate_hertz / 2 / 1000) / np.log(6.4)
    steps = [top * i / (SPEC.num_bands + 1) for i in range(SPEC.num_bands + 2)]
    edges = [step * 200 / 3 if step < 15 else 1000 * 6.4 ** ((step - 15) / 27) for step in steps]
    bands = []
    for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
        total = 0.0
        for k in bins:
            hertz = k * SPEC.rate_hertz / size
            if left < hertz < right:
                slope = (hertz - left) / (middle - left) if hertz <= middle else (right - hertz) / (right - middle)
                total += power[k] * slope * 2 / (right - left)
        bands.append(np.log10(max(total, 1e-10)))
    return bands


def test_a_frame_equals_the_definition_written_as_loops() -> None:
    sound = a_sound(WINDOW)
    (window,) = log_mel_windows(sound)
    mirrored = np.concatenate([sound[200:0:-1], sound, sound[-2:-202:-1]])
    for frame in (0, 57, 199):
        expected = slow_mel_frame(mirrored[frame * 160 : frame * 160 + 400])
        np.testing.assert_allclose(window[:80, frame] * 4 - 4, expected, atol=1e-4)


def test_a_window_is_what_whisper_hears_of_it() -> None:
    sound = a_sound(WINDOW) * np.linspace(0, 1, WINDOW, dtype=np.float32)
    sound[:4000] = 0
    expected = FeatureExtractor()(sound, padding=0)[:, :200]
    np.testing.assert_allclose(log_mel_windows(sound)[0, :80], expected, atol=1e-5)
    assert expected.min() == pytest.approx(expected.max() - 2), "nothing lies more than eight decades below the peak"


@pytest.mark.parametrize(
    ("num_samples", "starts"),
    [
        (1, [0]),
        (31_999, [0]),
        (32_000, [0]),
        (32_001, [0, 1]),
        (48_000, [0, 16_000]),
        (64_000, [0, 32_000]),
        (160_000, [0, 32_000, 64_000, 96_000, 128_000]),
    ],
)
def test_windows_follow_one_another_and_the_last_ends_with_the_clip(num_samples: int, starts: list[int]) -> None:
    windows = log_mel_windows(a_sound(num_samples))
    assert window_starts(num_samples).tolist() == starts
    assert windows.shape == (len(starts), 81, 200)
    assert windows.dtype == np.float32


def test_a_long_clip_is_heard_at_evenly_spread_places_up_to_the_bound() -> None:
    spec = dataclasses.replace(SPEC, max_windows=5)
    assert window_starts(14 * WINDOW, spec).tolist() == [round(i * 13 * WINDOW / 4) for i in range(5)]
    assert len(log_mel_windows(a_sound(40 * WINDOW))) == SPEC.max_windows


def test_a_window_does_not_depend_on_the_rest_of_the_clip() -> None:
    sound = a_sound(5 * SPEC.rate_hertz)
    sound[WINDOW : 2 * WINDOW] *= 0.001
    alone = log_mel_windows(sound[WINDOW : 2 * WINDOW])
    np.testing.assert_array_equal(log_mel_windows(sound)[1], alone[0])


@pytest.mark.parametrize(("num_samples", "num_heard"), [(1, 1), (160, 1), (161, 2), (16_000, 100), (31_999, 200)])
def test_a_short_clip_is_followed_by_zeros_that_are_not_present(num_samples: int, num_heard: int) -> None:
    short = a_sound(num_samples)
    (window,) = log_mel_windows(short)
    padded = np.concatenate([short, np.zeros(WINDOW - num_samples, dtype=np.float32)])
    np.testing.assert_array_equal(window[:80], log_mel_windows(padded)[0, :80])
    np.testing.assert_array_equal(window[80], np.arange(200) < num_heard)


def test_all_of_a_longer_clip_is_present() -> None:
    np.testing.assert_array_equal(log_mel_windows(a_sound(50_000))[:, 80], 1.0)


def test_the_same_clip_gives_the_same_windows() -> None:
    sound = a_sound(40_000)
    np.testing.assert_array_equal(log_mel_windows(sound), log_mel_windows(sound.copy()))


@pytest.mark.parametrize("shape", [(0,), (16_000, 2)])
def test_an_empty_or_many_channelled_clip_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one-dimensional"):
        log_mel_windows(np.zeros(shape, dtype=np.float32))


def test_the_specification_survives_a_manifest_and_the_preparation_a_process() -> None:
    assert MelSpec(**json.loads(json.dumps(dataclasses.asdict(SPEC)))) == SPEC
    sent = pickle.loads(pickle.dumps(AudioPreparation(SPEC)))  # noqa: S301  # our own bytes
    sound = Audio(a_sound(20_000), SPEC.rate_hertz)
    np.testing.assert_array_equal(sent(sound), log_mel_windows(a_sound(20_000)))
