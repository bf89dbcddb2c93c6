"""One measurement: a load of some shape on an address, after a warm-up that is not counted."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, final

from commonspace.core.errors import Unavailable, UsageError
from commonspace.serve.load.figures import Figures, summary
from commonspace.serve.load.firing import Clock, Fired, Target, at_rate, in_turn, poisson_times
from commonspace.serve.load.traffic import Mix, Recipe, Shot, Traffic
from commonspace.shell.load.shooting import Dialect, Shooter, connections_to

__all__ = ["Load", "Measured", "ask_ready", "measure", "measure_with"]

MOST_CALLERS: Final = 4096
READY_SECONDS: Final = 5.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked for, and how: by so many callers in turn, or at so many requests a second when ``rate`` is set."""

    mix: Mix
    concurrency: int = 8
    rate: float | None = None
    seconds: float = 10.0
    warm_up_seconds: float = 2.0
    batch: int = 1
    seed: int = 0
    recipe: Recipe = Recipe()  # noqa: RUF009  frozen

    def __post_init__(self) -> None:
        bad = [
            name
            for name, good in (
                ("concurrency", 1 <= self.concurrency <= MOST_CALLERS),
                ("rate", self.rate is None or 0 < self.rate < float("inf")),
                ("seconds", 0 < self.seconds < float("inf")),
                ("batch", self.batch >= 1),
                ("warm-up", 0 <= self.warm_up_seconds < float("inf")),
            )
            if not good
        ]
        if bad:
            raise UsageError(f"The {bad[0]} makes no sense.", fix="Give a number above zero.")

    def words(self) -> str:
        """The load in one line."""
        how = (
            f"{self.concurrency} callers in turn" if self.rate is None else f"{self.rate:g} requests a second (Poisson)"
        )
        return f"{self.mix}; {how}; {self.batch} items a request; {self.seconds:g} s; seed {self.seed}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was asked for and what came of it; ``fired`` is every shot."""

    load: Load
    figures: Figures
    fired: tuple[Fired, ...]


def measure(url: str, dialect: Dialect, load: Load) -> Measured:
    """Put a load on an address and say what came of it.

    Raises:
        Unavailable: not one request was answered with vectors.
    """
    measured = asyncio.run(_measure(url, dialect, load))
    codes = measured.figures.everything.codes
    if not codes.get("ok"):
        told = ", ".join(f"{count} x {code}" for code, count in codes.items()) or "no request was made"
        raise Unavailable(
            f"Nothing that was asked of {url} was answered with vectors ({told}).",
            fix="Check the address, the key, and that the load is not far beyond what the service can do.",
        )
    return measured


async def measure_with(target: Target, load: Load, clock: Clock) -> Measured:
    """The same over any target and clock."""
    traffic = Traffic(load.mix, batch=load.batch, seed=load.seed, recipe=load.recipe)
    shots: Iterator[Shot] = (traffic.shot() for _ in repeat(None))
    if load.warm_up_seconds:
        await in_turn(target, shots, callers=load.concurrency, seconds=load.warm_up_seconds, clock=clock)
    fired: Sequence[Fired]
    if load.rate is None:
        fired = await in_turn(target, shots, callers=load.concurrency, seconds=load.seconds, clock=clock)
    else:
        times = poisson_times(load.rate, load.seconds, load.seed)
        fired = await at_rate(target, shots, times, clock)
    return Measured(load=load, figures=summary(fired), fired=tuple(fired))


def ask_ready(url: str, headers: Mapping[str, str] | None = None, path: str = "/readyz") -> bool:
    """Whether a service says that it is ready."""

    async def ask() -> bool:
        connections = connections_to(url)
        try:
            async with asyncio.timeout(READY_SECONDS):
                answer = await connections.request("GET", path, dict(headers or {}), b"")
        except OSError:
            return False
        await connections.close()
        return answer.status == 200

    return asyncio.run(ask())


async def _measure(url: str, dialect: Dialect, load: Load) -> Measured:
    connections = connections_to(url)
    try:
        return await measure_with(Shooter(connections, dialect), load, Clock())
    finally:
        await connections.close()
