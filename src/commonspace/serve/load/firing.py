"""Two ways to load a service: at a rate, whatever it answers (open loop), or by so many callers in turn (closed loop).

A shot's time runs from the moment at which it was meant to be fired, not from when it could be: a service that stalls,
or a loader that is late, shows in the times and is not left out of them (coordinated omission, Tene 2013).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol, final

import numpy as np

from commonspace.core.modality import Modality
from commonspace.serve.load.traffic import Shot

__all__ = ["Clock", "Fired", "Outcome", "Stages", "Target", "at_rate", "in_turn", "poisson_times"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Where the service says that the time went, in seconds; what it does not say is None."""

    decode: float | None = None
    queue: float | None = None
    inference: float | None = None
    total: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a shot: ``ok``, or the code of the refusal or failure; ``lost`` is one without an answer."""

    code: str = "ok"
    failed_items: int = 0
    stages: Stages = field(default_factory=Stages)

    @property
    def is_ok(self) -> bool:
        """Whether it was answered with vectors."""
        return self.code == "ok"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """A shot and its times in seconds from the beginning: meant to be fired, fired, answered."""

    number: int
    modality: Modality
    urgency: str
    num_items: int
    meant: float
    fired: float
    answered: float
    outcome: Outcome

    @property
    def seconds(self) -> float:
        """How long somebody would have waited who came when the shot was meant to be fired."""
        return self.answered - self.meant

    @property
    def late_seconds(self) -> float:
        """How late the loader was."""
        return self.fired - self.meant


class Target(Protocol):
    """What is fired at."""

    async def __call__(self, shot: Shot) -> Outcome:
        """Make the request and say what came of it; raises nothing."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Seconds that only grow, and a way to let some of them go by."""

    now: Callable[[], float] = perf_counter
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


async def at_rate(target: Target, shots: Iterator[Shot], times: Iterator[float], clock: Clock) -> list[Fired]:
    """Fire each shot at its time (in seconds from the beginning), whether or not those before it are answered."""
    start = clock.now()
    under_way: list[asyncio.Task[Fired]] = []
    for meant in times:
        shot = next(shots)
        wait = start + meant - clock.now()
        await clock.sleep(max(0.0, wait))
        under_way.append(asyncio.create_task(_fire(target, shot, start, meant, clock)))
    return list(await asyncio.gather(*under_way))


async def in_turn(target: Target, shots: Iterator[Shot], *, callers: int, seconds: float, clock: Clock) -> list[Fired]:
    """So many callers fire one shot after another for some seconds; what is under way at the end is waited for."""
    start = clock.now()
    fired: list[Fired] = []

    async def call() -> None:
        free = clock.now() - start
        while free < seconds:
            done = await _fire(target, next(shots), start, free, clock)
            fired.append(done)
            free = done.answered

    await asyncio.gather(*(call() for _ in range(callers)))
    return fired


def poisson_times(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """Times of arrivals that know nothing of one another, ``rate`` a second on average; the same for the same seed."""
    random = np.random.default_rng(seed)
    now = random.exponential(1.0 / rate)
    while now < seconds:
        yield now
        now += random.exponential(1.0 / rate)


async def _fire(target: Target, shot: Shot, start: float, meant: float, clock: Clock) -> Fired:
    fired = clock.now() - start
    outcome = await target(shot)
    return Fired(
        number=shot.number,
        modality=shot.modality,
        urgency=shot.urgency,
        num_items=len(shot.items),
        meant=meant,
        fired=fired,
        answered=clock.now() - start,
        outcome=outcome,
    )
