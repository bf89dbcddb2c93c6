"""Cost: units of work, a line through what was measured, a correction that follows."""

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.serve.cost import Curve, Gauge, Observation, fit_curve, group_of, units_of


@pytest.mark.parametrize(("tokens", "units"), [(1, 8), (16, 16), (17, 24), (256, 256)])
def test_a_text_counts_its_padded_tokens_and_goes_with_its_like(tokens: int, units: int) -> None:
    ids = np.zeros(tokens, dtype=np.int64)

    assert units_of(Modality.TEXT, ids) == group_of(Modality.TEXT, ids) == units


def test_sounds_count_their_windows_and_pictures_are_alike() -> None:
    assert units_of(Modality.AUDIO, np.zeros((7, 96, 64))) == 7
    assert units_of(Modality.IMAGE, np.zeros((224, 224, 3))) == 1
    assert group_of(Modality.AUDIO, np.zeros((7, 96, 64))) == group_of(Modality.AUDIO, np.zeros((9, 96, 64)))


def test_the_line_is_the_least_squares_one() -> None:
    truth = Curve(base_seconds=0.003, unit_seconds=0.0002)

    found = fit_curve([Observation(units=units, seconds=truth.seconds(units)) for units in (16, 64, 256)])

    assert found.base_seconds == pytest.approx(truth.base_seconds)
    assert found.unit_seconds == pytest.approx(truth.unit_seconds)


@pytest.mark.parametrize("seconds", [[1.0, 10.0, 100.0], [3.0, 2.0, 1.0]])
def test_no_part_of_a_curve_is_below_zero(seconds: list[float]) -> None:
    observed = [Observation(units=units, seconds=each) for units, each in zip((1, 2, 3), seconds, strict=True)]

    found = fit_curve(observed)

    assert found.base_seconds >= 0
    assert found.unit_seconds > 0


def test_the_correction_follows_what_batches_take_and_is_not_thrown_by_one() -> None:
    gauge = Gauge(Curve(base_seconds=0.0, unit_seconds=0.01))

    gauge.learn(10, 1000.0)
    assert gauge.seconds(10) < 0.5
    for _ in range(300):
        gauge.learn(10, 0.2)
    assert gauge.seconds(10) == pytest.approx(0.2, rel=0.05)


def test_a_disturbance_is_forgotten_sooner_than_it_is_believed() -> None:
    gauge = Gauge(Curve(base_seconds=0.0, unit_seconds=0.01))

    for _ in range(10):
        gauge.learn(10, 1.0)
    disturbed = gauge.correction
    for _ in range(10):
        gauge.learn(10, 0.1)

    assert disturbed > 4
    assert gauge.correction < 1.5
