"""Loads of both classes on a running service, strict about how it refuses, and what it holds meanwhile."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final, TypeVar, final

import orjson
import psutil
import uvloop

from commonspace.serve.load.firing import Clock, Fired, Outcome
from commonspace.serve.load.traffic import Shot
from commonspace.serve.terms import Urgency
from commonspace.shell.load.connection import Answer
from commonspace.shell.load.measuring import Load, Measured, measure_with
from commonspace.shell.load.shooting import Ours, Request, Shooter, connections_to
from tests.e2e.serving import Served, serving

__all__ = [
    "Asked",
    "Memory",
    "asked_of",
    "fire",
    "good_between",
    "in_loop",
    "is_ready",
    "logged_ms",
    "machine",
    "served",
    "settled",
    "watched",
]

T = TypeVar("T")
SAMPLE_SECONDS: Final = 0.25
LOOK_SECONDS: Final = 0.05
QUIET: Final = ("running_batches", "waiting_to_decode")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Strict:
    """A dialect to which a 429 that does not say when to come again is no refusal but a fault."""

    ours: Ours

    def request(self, shot: Shot) -> Request:
        """As usual."""
        return self.ours.request(shot)

    def outcome(self, shot: Shot, answer: Answer) -> Outcome:
        """As usual, unless it is a 429 without its two headers."""
        advice = [answer.headers.get(name, "") for name in ("retry-after", "retry-after-ms")]
        if answer.status == 429 and not all(each.isdecimal() and int(each) > 0 for each in advice):
            return Outcome(code="no_advice")
        return self.ours.outcome(shot, answer)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A load, and in which class it is asked for."""

    load: Load
    urgency: Urgency = Urgency.INTERACTIVE


@final
@dataclass(slots=True, kw_only=True)
class Memory:
    """Resident bytes of the service's own process over time, and the processor time of it and its workers."""

    bytes_at: list[tuple[float, int]] = field(default_factory=list)
    processor_seconds: float = 0.0

    def mean_bytes(self, first: float, last: float) -> float:
        """The mean over a part of the time, given as shares of it."""
        taken = self.bytes_at[int(first * len(self.bytes_at)) : max(1, int(last * len(self.bytes_at)))]
        return sum(size for _, size in taken) / max(1, len(taken))

    @property
    def growth_bytes(self) -> float:
        """How much more it holds in the last tenth of the time than in the second."""
        return self.mean_bytes(0.9, 1.0) - self.mean_bytes(0.1, 0.2)


def in_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run asynchronous work to its end, in a loop that costs little."""

    async def run() -> T:
        return await work()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


@contextmanager
def served(*settings: str) -> Iterator[Served]:
    """The service in a folder of its own, gone afterwards; its log must hold no error, its end must be in order."""
    with TemporaryDirectory(prefix="commonspace-") as folder, serving(Path(folder), *settings) as running:
        yield running


async def fire(url: str, *asked: Asked) -> list[Measured]:
    """Put loads on a service, all at the same time."""
    connections = connections_to(url)
    try:
        return await asyncio.gather(
            *(measure_with(Shooter(connections, _dialect(each)), each.load, Clock()) for each in asked)
        )
    finally:
        await connections.close()


def _dialect(asked: Asked) -> Strict:
    headers = {} if asked.urgency == Urgency.INTERACTIVE else {"x-commonspace-class": asked.urgency.value}
    return Strict(ours=Ours(headers=headers))


async def asked_of(url: str, path: str) -> tuple[int, Mapping[str, Any]]:
    """The status and the JSON of a GET; 0 where no answer comes."""
    connections = connections_to(url)
    try:
        async with asyncio.timeout(5):
            answer = await connections.request("GET", path, {}, b"")
    except OSError:
        return 0, {}
    await connections.close()
    return answer.status, orjson.loads(answer.body)


async def is_ready(url: str) -> bool:
    """Whether it says that it is ready."""
    return (await asked_of(url, "/readyz"))[0] == 200


async def settled(url: str, patience_seconds: float) -> Mapping[str, Any]:
    """What ``/v1/capacity`` says once nothing is on its way, or when the patience is over."""
    until = perf_counter() + patience_seconds
    while True:
        _, capacity = await asked_of(url, "/v1/capacity")
        busy = sum(capacity["on_the_way"].values()) + sum(capacity[name] for name in QUIET)
        if not busy or perf_counter() > until:
            return capacity
        await asyncio.sleep(LOOK_SECONDS)


async def watched(process_id: int, work: Awaitable[T]) -> tuple[T, Memory]:
    """The result of work, and the service's memory and processor time while it ran."""
    memory, began, before = Memory(), perf_counter(), _processor_seconds(process_id)
    working = asyncio.ensure_future(work)
    while not working.done():
        memory.bytes_at.append((perf_counter() - began, psutil.Process(process_id).memory_info().rss))
        await asyncio.wait({working}, timeout=SAMPLE_SECONDS)
    memory.processor_seconds = _processor_seconds(process_id) - before
    return working.result(), memory


def _processor_seconds(process_id: int) -> float:
    process = psutil.Process(process_id)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def logged_ms(running: Served, start: int, status: int) -> list[float]:
    """How long the service itself was at answers of a status, in growing order: what its log says from a byte on.

    From when its own code heard of a request to the answer written; what waited for that is not in it.
    """
    with running.log.open("rb") as lines:
        lines.seek(start)
        told = [orjson.loads(line) for line in lines]
    return sorted(float(each["milliseconds"]) for each in told if each.get("status") == status)


def machine() -> str:
    """The processor, how many of them, and the day."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "processor")
    return f"{name}, {len(os.sched_getaffinity(0))} threads, {datetime.now(UTC).date()}"


def good_between(fired: Sequence[Fired], start: float, end: float) -> float:
    """Answers with vectors a second that came within a time."""
    return sum(each.outcome.is_ok and start <= each.answered < end for each in fired) / (end - start)
