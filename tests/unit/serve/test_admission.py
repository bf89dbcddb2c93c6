"""Admission: arithmetic on what is measured, and a limit that follows what is kept."""

from dataclasses import replace

import pytest

from commonspace.core.errors import DeadlineMissed, Overloaded
from commonspace.core.modality import Modality
from commonspace.serve.admission import PRESSED_SHARE, Admission, Admitted, Demand, Limit, Load
from commonspace.serve.terms import Terms, Urgency

IDLE = Load(decode_seconds=0.0, decoders=2, running_seconds=0.0, interactive_seconds=0.0, bulk_seconds=0.0, slots=2)
TEXT = Demand(
    decode_seconds=0.0,
    tower_seconds=0.01,
    alone_seconds=0.01,
    modalities=frozenset({Modality.TEXT}),
)
NOW = 100.0


def admission(limit: Limit | None = None) -> Admission:
    return Admission(
        objectives={Modality.TEXT: 0.1, Modality.IMAGE: 1.0},
        bulk_seconds=10.0,
        limit=limit or Limit(start=100.0, least=10.0, most=1000.0),
        clock=lambda: NOW,
    )


def due(demand: Demand = TEXT, terms: Terms | None = None, load: Load = IDLE) -> float:
    return admission().admit(demand, terms or Terms(), lambda _: load).due


def test_the_objective_of_the_slowest_modality_is_the_deadline() -> None:
    assert due() == pytest.approx(NOW + 0.1)
    assert due(replace(TEXT, modalities=frozenset({Modality.TEXT, Modality.IMAGE}))) == pytest.approx(NOW + 1.0)


def test_a_long_request_gets_twice_what_it_takes_alone() -> None:
    assert due(replace(TEXT, tower_seconds=10.0, alone_seconds=5.0)) == pytest.approx(NOW + 10.0)


def test_bulk_has_the_time_of_its_class_and_a_deadline_of_ones_own_wins() -> None:
    assert due(terms=Terms(urgency=Urgency.BULK)) == pytest.approx(NOW + 10.0)
    assert due(terms=Terms(urgency=Urgency.BULK, deadline=NOW + 3.0)) == NOW + 3.0


def test_the_wait_for_what_is_there_decides_and_retry_after_is_the_rest() -> None:
    busy = replace(IDLE, running_seconds=0.04, interactive_seconds=0.16)  # 0.1 s on two slots, and 0.01 s of its own

    with pytest.raises(Overloaded) as refused:
        due(load=busy)

    assert refused.value.retry_after_seconds == pytest.approx(0.05)  # at least so much
    with pytest.raises(Overloaded) as refused:
        due(load=replace(busy, interactive_seconds=1.96))
    assert refused.value.retry_after_seconds == pytest.approx(1.0 + 0.01 - 0.1)
    assert due(load=replace(busy, interactive_seconds=0.12)) > NOW


def test_interactive_requests_do_not_wait_for_bulk_but_bulk_waits_for_all() -> None:
    load = replace(IDLE, bulk_seconds=30.0)

    assert due(load=load) > NOW
    with pytest.raises(Overloaded):
        due(terms=Terms(urgency=Urgency.BULK), load=load)


def test_the_queue_of_decoders_counts_for_media_alone() -> None:
    load = replace(IDLE, decode_seconds=5.0)
    picture = replace(TEXT, decode_seconds=0.02, alone_seconds=0.03, modalities=frozenset({Modality.IMAGE}))

    assert due(load=load) > NOW
    with pytest.raises(Overloaded):
        due(picture, load=load)


def test_a_deadline_that_has_passed_is_missed() -> None:
    with pytest.raises(DeadlineMissed):
        due(terms=Terms(deadline=NOW))


def test_the_limit_holds_for_what_is_on_its_way_and_bulk_has_half_of_it() -> None:
    door = admission(Limit(start=4.0, least=1.0, most=10.0))
    bulk = [door.admit(TEXT, Terms(urgency=Urgency.BULK), lambda _: IDLE) for _ in range(2)]

    with pytest.raises(Overloaded, match="2 requests are on their way"):
        door.admit(TEXT, Terms(urgency=Urgency.BULK), lambda _: IDLE)
    for _ in range(2):
        door.admit(TEXT, Terms(), lambda _: IDLE)
    with pytest.raises(Overloaded, match="4 may be"):
        door.admit(TEXT, Terms(), lambda _: IDLE)
    door.release(bulk[0], done=True)
    assert door.admit(TEXT, Terms(), lambda _: IDLE).due > NOW


def test_the_limit_grows_by_one_a_round_and_falls_by_a_tenth_at_most_once_a_pause() -> None:
    limit = Limit(start=100.0, least=85.0, most=101.0, pause_seconds=1.0)

    for _ in range(100):
        limit.kept(60)
    assert limit.value == pytest.approx(101.0, abs=0.01)
    limit.kept(60)
    assert limit.value <= 101.0
    limit.kept(10)  # far from the limit: says nothing about it
    assert limit.value <= 101.0
    grown = limit.value
    limit.missed(5.0)
    limit.missed(5.9)
    assert limit.value == pytest.approx(0.9 * grown)
    limit.missed(6.0)
    assert limit.value == 85.0


def test_only_interactive_requests_past_their_objective_lower_the_limit() -> None:
    door = admission()
    early, late = NOW + 1, NOW - 1

    door.release(Admitted(urgency=Urgency.BULK, due=late, objective=late), done=True)
    door.release(Admitted(urgency=Urgency.INTERACTIVE, due=late, objective=early), done=False)
    assert door.limit.value == 100.0
    door.release(Admitted(urgency=Urgency.INTERACTIVE, due=early, objective=late), done=True)
    assert door.limit.value == pytest.approx(90.0)


class Pressed:
    """An admission under pressure: 100 items leave in a second, and so many are inside."""

    def __init__(self, inside: int) -> None:
        self.door = admission()
        self.now = NOW
        self.door.clock = lambda: self.now
        pressure = self.door.pressure
        for _ in range(100):
            self.now += 0.01
            pressure.came(self.now, 3)
            pressure.entered(1)
            pressure.left(self.now, 1)
        pressure.entered(inside)
        assert pressure.is_over

    def admit(self, terms: Terms | None = None, seconds: float = 0.08) -> Admitted:
        """With so many seconds of work before it, on two slots."""
        load = replace(IDLE, interactive_seconds=2 * seconds)
        return self.door.admit(TEXT, terms or Terms(), lambda _: load)


def test_under_pressure_the_queue_is_kept_short_though_the_objective_allows_more() -> None:
    share = PRESSED_SHARE * 0.1
    fitting = int(100 * share) - 1

    assert Pressed(fitting).admit().due > NOW
    with pytest.raises(Overloaded) as refused:
        Pressed(fitting + 8).admit()
    assert refused.value.retry_after_seconds is not None
    assert refused.value.retry_after_seconds >= 0.05


def test_under_pressure_none_is_refused_where_towers_would_run_dry() -> None:
    assert Pressed(50).admit(seconds=0.001).due > NOW
    slow = Pressed(50)
    slow.now += 0.08
    slow.door.pressure.came(slow.now, 3)  # nothing has left for a while: by Little's law it would take for ever
    assert slow.admit(seconds=0.001).due > NOW


@pytest.mark.parametrize("terms", [Terms(deadline=NOW + 5.0), Terms(urgency=Urgency.BULK)], ids=["deadline", "bulk"])
def test_under_pressure_who_says_how_long_it_may_take_is_taken_at_ones_word(terms: Terms) -> None:
    assert Pressed(50).admit(terms).due > NOW
