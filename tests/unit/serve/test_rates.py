"""A key uses as much compute as its rate allows, and a refusal says truly when there is more."""

import pytest

from commonspace.core.errors import Overloaded, RateLimited
from commonspace.serve.access import LOCAL_CALLER, Caller
from commonspace.serve.groups import Rates
from commonspace.serve.rates import Buckets

USUAL = Rates(compute_milliseconds=100.0, burst_seconds=10.0)


class Clock:
    """Seconds that a test lets go by."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def caller(key_id: str = "a", line: str | None = None, rates: Rates | None = None) -> Caller:
    return Caller(tenant="acme", key_id=key_id, scopes=frozenset(), line=line, rates=rates)


def remaining(buckets: Buckets, who: Caller) -> float:
    standing = buckets.standing(who)
    assert standing is not None
    return standing.remaining_milliseconds


def wait(buckets: Buckets, who: Caller) -> float:
    """How long the caller is told to wait."""
    with pytest.raises(RateLimited) as caught:
        buckets.reserve(who, 1.0)
    assert caught.value.retry_after_seconds is not None
    return caught.value.retry_after_seconds


def test_the_true_cost_replaces_the_estimate() -> None:
    buckets = Buckets(USUAL, Clock())

    with buckets.reserve(caller(), 400.0) as reservation:
        assert remaining(buckets, caller()) == 600.0
        reservation.settle(150.0)
        reservation.settle(999.0)

    assert remaining(buckets, caller()) == 850.0


def test_an_overdrawn_bucket_says_truly_when_the_next_request_gets_through() -> None:
    clock = Clock()
    buckets = Buckets(USUAL, clock)
    buckets.reserve(caller(), 900.0).settle(3000.0)

    seconds = wait(buckets, caller())

    assert seconds == pytest.approx(20.0)
    clock.now += seconds - 0.01
    assert wait(buckets, caller()) == pytest.approx(0.01)
    clock.now += 0.01
    buckets.check(caller())
    buckets.reserve(caller(), 10_000.0)


@pytest.mark.parametrize("cost", [0.1, 1 / 3, 7.77, 1234.5])
def test_waiting_as_told_is_always_enough(cost: float) -> None:
    clock = Clock()
    buckets = Buckets(Rates(compute_milliseconds=7.3, burst_seconds=0.7), clock)
    for _ in range(200):
        try:
            buckets.reserve(caller(), cost)
        except RateLimited as refused:
            clock.now += refused.retry_after_seconds or 0.0
            buckets.reserve(caller(), cost)


def test_over_a_long_time_no_more_is_used_than_the_rate_and_one_burst() -> None:
    clock = Clock()
    buckets = Buckets(USUAL, clock)
    used = 0.0
    for _ in range(2_000):
        clock.now += 0.01
        try:
            buckets.reserve(caller(), 30.0).settle(50.0)
        except RateLimited:
            continue
        used += 50.0

    assert used <= 100.0 * clock.now + 1000.0 + 50.0
    assert used >= 100.0 * clock.now


def test_work_that_was_refused_costs_nothing_and_work_that_broke_costs_its_estimate() -> None:
    buckets = Buckets(USUAL, Clock())

    with pytest.raises(Overloaded), buckets.reserve(caller(), 300.0):
        raise Overloaded("Busy.", fix="Wait.")
    assert remaining(buckets, caller()) == 1000.0

    with pytest.raises(ValueError, match="broke"), buckets.reserve(caller(), 300.0):
        raise ValueError("broke")
    assert remaining(buckets, caller()) == 700.0


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    clock = Clock()
    buckets = Buckets(USUAL, clock)
    reservation = buckets.reserve(caller(), 500.0)
    clock.now += 1000.0

    reservation.settle(0.0)

    assert remaining(buckets, caller()) == 1000.0


def test_keys_have_buckets_of_their_own_and_rotated_keys_share_one() -> None:
    buckets = Buckets(USUAL, Clock())
    buckets.reserve(caller("old", line="old"), 250.0)

    assert remaining(buckets, caller("new", line="old")) == 750.0
    assert remaining(buckets, caller("other", line="other")) == 1000.0


def test_a_keys_own_rate_goes_before_the_usual_one() -> None:
    buckets = Buckets(USUAL, Clock())

    assert remaining(buckets, caller(rates=Rates(compute_milliseconds=5.0, burst_seconds=2.0))) == 10.0


def test_without_a_limit_or_a_key_there_is_no_bucket() -> None:
    buckets = Buckets(Rates(), Clock())
    buckets.reserve(caller(), 1e9).settle(1e9)
    buckets.reserve(caller(), 1.0)

    assert buckets.standing(caller()) is None
    assert Buckets(USUAL, Clock()).standing(LOCAL_CALLER) is None
    assert len(buckets) == 0


def test_the_headers_are_whole_milliseconds_of_compute() -> None:
    buckets = Buckets(USUAL, Clock())
    buckets.reserve(caller(), 250.5)

    standing = buckets.standing(caller())

    assert standing is not None
    assert standing.headers() == {
        "x-ratelimit-limit-compute-ms": "1000",
        "x-ratelimit-remaining-compute-ms": "749",
        "x-ratelimit-reset-compute-ms": "2505",
    }


def test_the_number_of_buckets_is_bounded_and_the_least_used_goes_first() -> None:
    buckets = Buckets(USUAL, Clock(), max_buckets=3)
    for name in ("a", "b", "c"):
        buckets.reserve(caller(name), 100.0)
    buckets.reserve(caller("a"), 100.0)

    buckets.reserve(caller("d"), 100.0)

    assert len(buckets) == 3
    assert remaining(buckets, caller("a")) == 800.0
    assert remaining(buckets, caller("b")) == 1000.0
