"""Pressure: more comes than leaves, for longer than a burst; then what is inside says how long it takes."""

import pytest

from commonspace.serve.pressure import FEW, Pressure

STEP = 0.01


class House:
    """Items come and leave at even rates; the clock goes in steps."""

    def __init__(self) -> None:
        self.pressure, self.now = Pressure(), 100.0
        self._coming = self._leaving = 0.0

    def live(self, seconds: float, *, coming: float, leaving: float) -> list[bool]:
        """Whether it was over, step by step."""
        seen = []
        for _ in range(round(seconds / STEP)):
            self.now += STEP
            self._coming += coming * STEP
            self._leaving += leaving * STEP
            self.pressure.came(self.now, int(self._coming))
            self.pressure.entered(int(self._coming))
            self.pressure.left(self.now, int(self._leaving))
            self._coming, self._leaving = self._coming % 1, self._leaving % 1
            seen.append(self.pressure.is_over)
        return seen


def test_as_much_as_leaves_is_no_pressure_whatever_is_inside() -> None:
    house = House()
    house.pressure.came(house.now, 64)
    house.pressure.entered(64)  # all callers at once at the start, and each again when it has its answer
    assert not any(house.live(3, coming=300, leaving=300))


@pytest.mark.parametrize("times", [1.5, 2.0, 10.0])
def test_more_than_leaves_is_pressure_within_half_a_second_and_stays_so(times: float) -> None:
    house = House()
    house.live(1, coming=400, leaving=400)
    assert house.live(0.5, coming=400 * times, leaving=400)[-1]
    assert all(house.live(3, coming=400 * times, leaving=400))


def test_it_ends_within_half_a_second_after_less_comes() -> None:
    house = House()
    house.live(2, coming=600, leaving=300)
    assert not house.live(0.6, coming=200, leaving=300)[-1]


def test_a_few_more_a_batch_are_no_pressure() -> None:
    house = House()
    few = FEW / 0.3  # a second
    assert not any(house.live(3, coming=40 + few / 2, leaving=40))


def test_refusals_are_pressure_even_where_about_as_much_leaves() -> None:
    house = House()
    for _ in range(20):
        house.live(0.05, coming=200, leaving=200)
        house.pressure.refused()
    assert house.pressure.is_over


def test_who_is_turned_away_at_the_door_keeps_pressure_up_but_begins_none() -> None:
    house = House()
    for _ in range(20):
        house.live(0.05, coming=200, leaving=200)
        house.pressure.turned_away()
    assert not house.pressure.is_over
    house.live(2, coming=600, leaving=300)
    for _ in range(20):
        house.live(0.05, coming=300, leaving=300)
        house.pressure.turned_away()
    assert house.pressure.is_over


def test_the_wait_is_what_is_inside_by_what_leaves_in_a_second() -> None:
    house = House()
    assert house.pressure.wait_seconds(1) == 0.0, "nothing is known yet"
    house.live(3, coming=250, leaving=200)
    assert house.pressure.inside == pytest.approx(150, abs=2)
    assert house.pressure.wait_seconds(10) == pytest.approx(160 / 200, rel=0.1)


def test_after_a_time_without_anybody_it_is_over_with_pressure() -> None:
    house = House()
    house.live(2, coming=600, leaving=300)
    house.now += 5.0
    assert not any(house.live(0.1, coming=100, leaving=100))
