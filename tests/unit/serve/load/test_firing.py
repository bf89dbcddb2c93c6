"""Loads fire when they should, and count what somebody would have waited; the clock here moves only when told to."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterator
from itertools import count, repeat

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.serve.load.firing import Clock, Fired, Outcome, at_rate, in_turn, poisson_times
from commonspace.serve.load.traffic import Shot


class SlowTime:
    """A clock of its own: whoever sleeps is woken in order, and the time jumps to when that is."""

    def __init__(self) -> None:
        self.now = 50.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), woken))
        await woken

    async def run(self, work: Awaitable[list[Fired]]) -> list[Fired]:
        task = asyncio.ensure_future(work)
        while not task.done():
            for _ in range(30):
                await asyncio.sleep(0)
            if self._sleepers and not task.done():
                self.now, _, woken = heapq.heappop(self._sleepers)
                woken.set_result(None)
        return task.result()


class OneAtATime:
    """A service with one worker that needs a fixed time, and stalls once."""

    def __init__(self, time: SlowTime, *, seconds: float, stall_at: int = -1, stall_seconds: float = 0.0) -> None:
        self.time, self.seconds = time, seconds
        self.stall_at, self.stall_seconds = stall_at, stall_seconds
        self.free_at = 0.0
        self.under_way = 0
        self.most_under_way = 0

    async def __call__(self, shot: Shot) -> Outcome:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        needs = self.stall_seconds if shot.number == self.stall_at else self.seconds
        begins = max(self.time.now, self.free_at)
        self.free_at = begins + needs
        await self.time.sleep(self.free_at - self.time.now)
        self.under_way -= 1
        return Outcome()


def texts() -> Iterator[Shot]:
    return (Shot(number=number, modality=Modality.TEXT, items=("a",)) for number, _ in enumerate(repeat(None)))


def fired(
    load: Callable[[SlowTime, Clock], tuple[OneAtATime, Awaitable[list[Fired]]]],
) -> tuple[OneAtATime, list[Fired]]:
    async def play() -> tuple[OneAtATime, list[Fired]]:
        time = SlowTime()
        target, work = load(time, Clock(now=lambda: time.now, sleep=time.sleep))
        return target, await time.run(work)

    return asyncio.run(play())


def test_an_open_loop_fires_at_its_times_whatever_is_answered() -> None:
    def load(time: SlowTime, clock: Clock) -> tuple[OneAtATime, Awaitable[list[Fired]]]:
        target = OneAtATime(time, seconds=5.0)
        return target, at_rate(target, texts(), iter([0.5, 1.0, 1.5]), clock)

    target, shots = fired(load)

    assert [each.fired for each in shots] == pytest.approx([0.5, 1.0, 1.5])
    assert [each.seconds for each in shots] == pytest.approx([5.0, 9.5, 14.0])
    assert target.most_under_way == 3


def test_a_stall_counts_for_everybody_who_came_meanwhile() -> None:
    """A service that stands still for ten seconds: a loop that waited for it would see one slow shot."""

    def load(time: SlowTime, clock: Clock) -> tuple[OneAtATime, Awaitable[list[Fired]]]:
        target = OneAtATime(time, seconds=0.01, stall_at=100, stall_seconds=10.0)
        return target, at_rate(target, texts(), iter([each * 0.1 for each in range(400)]), clock)

    _, shots = fired(load)

    slow = sum(each.seconds > 1.0 for each in shots)
    assert slow > 90
    assert max(each.seconds for each in shots) == pytest.approx(10.0, abs=0.2)


def test_a_late_loader_shows_in_the_times() -> None:
    def load(time: SlowTime, clock: Clock) -> tuple[OneAtATime, Awaitable[list[Fired]]]:
        async def late(seconds: float) -> None:
            await time.sleep(seconds + 2.0)

        target = OneAtATime(time, seconds=1.0)
        return target, at_rate(target, texts(), iter([1.0]), Clock(now=clock.now, sleep=late))

    _, (shot,) = fired(load)

    assert shot.late_seconds == pytest.approx(2.0)
    assert shot.seconds == pytest.approx(3.0)


def test_a_closed_loop_keeps_so_many_under_way_and_ends_with_its_time() -> None:
    def load(time: SlowTime, clock: Clock) -> tuple[OneAtATime, Awaitable[list[Fired]]]:
        target = OneAtATime(time, seconds=1.0)
        return target, in_turn(target, texts(), callers=4, seconds=10.0, clock=clock)

    target, shots = fired(load)

    assert target.most_under_way == 4
    assert max(each.meant for each in shots) < 10.0
    assert len(shots) == 13
    assert [each.seconds for each in shots[4:]] == pytest.approx([4.0] * 9)


def test_poisson_times_come_at_the_rate_and_know_nothing_of_one_another() -> None:
    times = np.array(list(poisson_times(50.0, 400.0, seed=1)))
    gaps = np.diff(times)

    assert list(poisson_times(50.0, 400.0, seed=1)) == times.tolist()
    assert list(poisson_times(50.0, 400.0, seed=2)) != times.tolist()
    assert len(times) == pytest.approx(20_000, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 0.03
    assert times.max() < 400.0
