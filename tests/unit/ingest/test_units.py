"""Units become those of one common system, and what is not known is said."""

import numpy as np
import pytest

from commonspace.core.item import Trace
from commonspace.ingest.decode import Plan, decode_value
from commonspace.ingest.units import QUANTITIES, unit_of


@pytest.mark.parametrize(
    ("name", "number", "quantity", "common"),
    [
        ("g", 1.0, "acceleration", 9.80665),
        ("degF", 212.0, "temperature", 100.0),
        ("K", 273.15, "temperature", 0.0),
        ("rpm", 60.0, "angular velocity", 6.283185),
        ("mW", 1.0, "power", 0.001),
        ("MW", 1.0, "power", 1e6),
        ("km/h", 36.0, "speed", 10.0),
        ("\N{GREEK SMALL LETTER MU}V", 1.0, "voltage", 1e-6),
        ("mmHg", 760.0, "pressure", 101_324.72),
    ],
)
def test_numbers_become_those_of_the_common_unit(name: str, number: float, quantity: str, common: float) -> None:
    unit = unit_of(name)

    assert unit is not None
    assert (unit.quantity, number * unit.scale + unit.offset) == (quantity, pytest.approx(common, rel=1e-6, abs=1e-9))
    assert unit.quantity in QUANTITIES


@pytest.mark.parametrize("name", ["parsec", "", "M/S^2", "furlong"])
def test_other_names_are_no_unit(name: str) -> None:
    assert unit_of(name) is None


def notes_of(*units: str) -> tuple[str, ...]:
    names = tuple(f"c{place}" for place in range(len(units)))
    return decode_value(
        Trace(array=np.ones((9, len(units)), np.float32), rate_hz=1.0, channels=names, units=units), Plan()
    ).notes


def test_an_unknown_unit_is_noted_and_kept() -> None:
    assert notes_of("m/s^2", "parsec") == ("unit 'parsec' not known: its numbers are taken as they are",)


def test_a_name_that_two_units_share_is_noted_with_the_one_that_is_meant() -> None:
    assert notes_of("g", "g") == ("unit 'g' read as standard gravity, not as grams",)


def test_a_long_recording_is_cut_into_windows_with_their_seconds() -> None:
    trace = Trace(array=np.zeros((12_500, 1), np.float32), rate_hz=500.0, channels=("a",), units=("V",))

    spans = [piece.span for piece in decode_value(trace, Plan()).pieces]

    assert [(span.start_seconds, span.end_seconds) for span in spans if span] == [
        (0.0, 8.332),
        (8.332, 16.666),
        (16.666, 25.0),
    ]


def test_a_slow_recording_is_cut_by_samples_not_by_seconds() -> None:
    trace = Trace(array=np.zeros((4096, 1), np.float32), rate_hz=0.01, channels=("a",), units=("V",))

    assert len(decode_value(trace, Plan()).pieces) == 1
