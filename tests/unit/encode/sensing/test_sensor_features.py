"""What a recording means does not hang on its bookkeeping: units, channel order, rate; and is not blind to mix-ups."""

from dataclasses import replace

import numpy as np
import pytest

from commonspace.core.item import Trace
from commonspace.encode.sensing.channels import resampled
from commonspace.encode.sensing.kernels import LENGTH, THRESHOLDS, kernel_answers
from commonspace.encode.sensing.sensor import NUM_FEATURES, SensorPreparation

PREPARE = SensorPreparation()


def moving(rate_hz: float = 100.0, seconds: float = 8.0) -> Trace:
    t = np.arange(round(rate_hz * seconds)) / rate_hz
    axes = [np.sin(2 * np.pi * 1.8 * t), 2 * np.sin(2 * np.pi * 3.6 * t + 1), 9.81 + np.sin(2 * np.pi * 1.8 * t) ** 3]
    return Trace(
        array=np.stack(axes, axis=1).astype(np.float32),
        rate_hz=rate_hz,
        channels=("ax", "ay", "az"),
        units=("m/s^2",) * 3,
    )


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_features_are_finite_and_as_many_as_said() -> None:
    features = PREPARE(moving())

    assert features.shape == (NUM_FEATURES,)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 1)), np.full((700, 1), 1e30), np.eye(600)[:, :1]],
    ids=["two samples", "never changes", "one sample differs"],
)
def test_odd_recordings_have_finite_features(array: np.ndarray) -> None:
    trace = Trace(array=array.astype(np.float32), rate_hz=1e-4, channels=("a",), units=("V",))

    assert np.isfinite(PREPARE(trace)).all()


def test_shuffled_channels_with_their_names_are_the_same_recording() -> None:
    trace, order = moving(), [2, 0, 1]
    shuffled = replace(trace, array=trace.array[:, order], channels=tuple(trace.channels[place] for place in order))

    np.testing.assert_array_equal(PREPARE(shuffled), PREPARE(trace))


@pytest.mark.parametrize(("unit", "factor"), [("g", 1 / 9.80665), ("mg", 1000 / 9.80665), ("gal", 100.0)])
def test_the_same_movement_in_other_units_is_the_same_recording(unit: str, factor: float) -> None:
    trace = moving()
    other = replace(trace, array=(trace.array * factor).astype(np.float32), units=(unit,) * 3)

    np.testing.assert_allclose(PREPARE(other), PREPARE(trace), atol=0.02)
    assert cosine(PREPARE(other), PREPARE(trace)) > 0.99999


def test_celsius_fahrenheit_and_kelvin_are_one_temperature() -> None:
    warm = 20 + np.sin(np.arange(300) / 9)[:, None]
    scales = {"degC": warm, "degF": warm * 1.8 + 32, "K": warm + 273.15}
    rows = [
        PREPARE(Trace(array=values.astype(np.float32), rate_hz=0.01, channels=("room",), units=(unit,)))
        for unit, values in scales.items()
    ]

    for row in rows[1:]:
        np.testing.assert_allclose(row, rows[0], atol=0.05)


def test_numbers_under_the_wrong_unit_are_another_recording() -> None:
    trace = moving()
    right = PREPARE(trace)

    for unit in ("g", "degC", "V", "parsecs"):
        assert np.abs(PREPARE(replace(trace, units=(unit,) * 3)) - right).max() > 1


def test_swapping_what_is_measured_between_channels_is_another_recording() -> None:
    two = replace(moving(), array=moving().array[:, :2], channels=("a", "b"), units=("m/s^2", "degC"))
    swapped = replace(two, units=("degC", "m/s^2"))

    assert np.abs(PREPARE(swapped) - PREPARE(two)).max() > 0.5


def test_the_sampling_rate_hardly_matters_and_the_pace_does() -> None:
    fast, slow = moving(100.0), moving(64.0)
    halved = replace(fast, rate_hz=50.0)

    assert cosine(PREPARE(slow), PREPARE(fast)) > 0.98
    assert cosine(PREPARE(halved), PREPARE(fast)) < cosine(PREPARE(slow), PREPARE(fast))


def test_resampling_keeps_the_mean_and_does_not_fold_high_frequencies_back() -> None:
    t = np.arange(5120)
    tone = 1.0 + np.sin(2 * np.pi * t * 0.1001)

    shorter = resampled(tone, 512)

    assert len(shorter) == 512
    assert shorter.mean() == pytest.approx(1.0, abs=0.01)
    assert shorter.std() < 0.1
    np.testing.assert_allclose(resampled(np.array([0.0, 1.0]), 3), [0, 0.5, 1])


def test_kernel_answers_are_those_of_a_slow_loop() -> None:
    """Dempster, Schmidt, Webb 2021: weights -1 and 2 over nine places, zeros around the signal."""
    signal = np.random.default_rng(0).standard_normal(40)
    width, found = 2, kernel_answers(signal, (2,))
    padded = np.concatenate([np.zeros(4 * width), signal, np.zeros(4 * width)])
    slow = []
    for threshold in THRESHOLDS:
        for a in range(LENGTH):
            for b in range(a + 1, LENGTH):
                for c in range(b + 1, LENGTH):
                    weights = [2 if place in (a, b, c) else -1 for place in range(LENGTH)]
                    answers = [
                        sum(weight * padded[at + place * width] for place, weight in enumerate(weights))
                        for at in range(len(signal))
                    ]
                    slow.append(np.mean([answer > threshold for answer in answers]))

    np.testing.assert_allclose(found, slow, atol=1e-6)
