"""Do malformed files and requests harm the service, or whoever uses it beside them?

    python -m benchmarks.hostile [--per-kind 2000] [--seconds 30] [--write]

First healthy traffic alone at a rate, then the same beside callers who send nothing but malformed files; then all the
bombs, the shapeless requests, and as many malformed files of each modality as were asked for, as fast as four callers
can. Every healthy answer is compared with what the same item gave before.
"""

import argparse
import asyncio
import re
import sys
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle
from typing import Any, Final, final

import numpy as np
import orjson
from numpy.typing import NDArray

from benchmarks.drains import worker_ids
from benchmarks.page import as_table, write_table
from benchmarks.under_load import Asked, Memory, fire, in_loop, is_ready, machine, served, watched
from commonspace.core.modality import Modality
from commonspace.ingest.limits import ITEM_CODES
from commonspace.serve.load.traffic import Mix, Traffic
from commonspace.shell.load.connection import Answer
from commonspace.shell.load.measuring import Load, Measured
from commonspace.shell.load.shooting import Ours, Request, connections_to
from tests.e2e.serving import Served
from tests.malformed.hostile import KINDS, STORE, Attack, attacks, bomb_attacks, shapeless

__all__ = ["SETTINGS", "Healthy", "Siege", "besiege"]

SETTINGS: Final = ("cache.memory_bytes=0", "workers=2")
CALLERS: Final = 4
PATIENCE_SECONDS: Final = 60.0
LEAKS: Final = re.compile(r"0x[0-9a-f]{4,}|Traceback|/tmp/|/root/|/home/|<PIL|<_io|site-packages", re.IGNORECASE)
DEADLY: Final = frozenset({"decoder_died", "decoder_failed", "timeout", "out_of_memory"})
MIX: Final = Mix(shares={Modality.TEXT: 0.8, Modality.IMAGE: 0.2})
HEALTHY_RATE: Final = 20.0
SAME: Final = 0.9999


@final
@dataclass(slots=True, kw_only=True)
class Siege:
    """What came of all attacks: items by the code of their error, statuses, what should not be, unanswered requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    num_items: int = 0
    faults: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)

    @property
    def deaths(self) -> int:
        """Items whose decoder died or had to be ended."""
        return sum(self.codes[code] for code in DEADLY)

    def take(self, attack: Attack, answer: Answer) -> None:
        """Take in an answer; it must be one of ours, say a known code, and tell nothing of the machine."""
        self.statuses[answer.status] += 1
        self.num_items += attack.num_items
        try:
            said = orjson.loads(answer.body)
            errors = _errors(attack, answer.status, said)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            self.faults.append(f"{attack.name}: {answer.status}, no answer of ours ({type(error).__name__})")
            return
        self.codes.update(each["code"] for each in errors)
        told = orjson.dumps(errors).decode()
        if answer.status >= 500 or LEAKS.search(told):
            self.faults.append(f"{attack.name}: {answer.status} {told[:200]}")


def _errors(attack: Attack, status: int, said: dict[str, Any]) -> list[dict[str, Any]]:
    """Every error in an answer.

    Raises:
        KeyError, ValueError: the answer lacks a part of the one shape, or items are missing from it.
    """
    if status >= 400:
        error = said["error"]
        if not all(error[name] for name in ("message", "type", "code", "fix", "request_id")):
            raise ValueError("an error without words")
        return [error]
    if "items" in said:
        return [each["error"] for each in _all(said["items"], attack) if each["status"] == "failed"]
    errors: list[dict[str, Any]] = said.get("errors", [])
    if "data" in said and attack.num_items:
        _all([*said["data"], *errors], attack)
    if unknown := {each["code"] for each in errors} - set(ITEM_CODES):
        raise ValueError(str(unknown))
    return errors


def _all(results: Sequence[Any], attack: Attack) -> Sequence[Any]:
    if len(results) != attack.num_items:
        raise ValueError("an item has no result")
    return results


@final
class Healthy:
    """Items of which is known what they give, asked for again and again by one caller, with a pause after each."""

    def __init__(self, url: str, seed: int = 5, items: int = 24, pause_seconds: float = 0.0) -> None:
        traffic, ours = Traffic(MIX, seed=seed), Ours(headers={}, timeout_ms=PATIENCE_SECONDS * 1000)
        self.num_right = 0
        self.num_refused = 0
        self.wrong: list[str] = []
        self.stopping = False
        self._pause_seconds = pause_seconds
        self._requests = [ours.request(traffic.shot()) for _ in range(items)]
        self._known: list[NDArray[np.float32]] = []
        self._connections = connections_to(url)

    async def learn(self) -> None:
        """Ask for each once, while nobody else does."""
        self._known = [await self._vector(request) for request in self._requests]

    async def use(self) -> None:
        """Ask in turn until told to stop."""
        places: Iterator[int] = cycle(range(len(self._requests)))
        while not self.stopping:
            place = next(places)
            try:
                vector = await self._vector(self._requests[place])
            except (OSError, KeyError) as error:
                self.wrong.append(f"{type(error).__name__}: {error}")
                continue
            if float(vector @ self._known[place]) < SAME:
                self.wrong.append(f"item {place} has another vector")
            self.num_right += 1
            await asyncio.sleep(self._pause_seconds)
        await self._connections.close()

    async def _vector(self, request: Request) -> NDArray[np.float32]:
        """What the request gives; a refusal says when to come back, and is followed.

        Raises:
            KeyError: the answer is neither a vector nor a refusal.
            TimeoutError: refused, or not answered, for longer than the caller's patience.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            headers = {"content-type": "application/json"}
            while True:
                answer = await self._connections.request("POST", request.path, headers, request.body)
                if answer.status != 429:
                    break
                self.num_refused += 1
                await asyncio.sleep(float(answer.headers["retry-after"]))
        if answer.status != 200:
            raise KeyError(answer.body[:200])
        return np.frombuffer(b64decode(orjson.loads(answer.body)["data"][0]["embedding"]), dtype="<f4")


async def besiege(url: str, attacks: Iterable[Attack], *, callers: int = CALLERS) -> Siege:
    """Send every attack, some at a time; one that is not answered in a minute hangs."""
    siege, waiting, connections = Siege(), iter(attacks), connections_to(url)

    async def call() -> None:
        for attack in waiting:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    answer = await connections.request("POST", attack.path, dict(attack.headers), attack.body)
            except OSError as error:
                siege.unanswered.append(f"{attack.name}: {type(error).__name__}")
            else:
                siege.take(attack, answer)

    await asyncio.gather(*(call() for _ in range(callers)))
    await connections.close()
    return siege


async def make_store(url: str) -> None:
    """Make the store that uploads go to."""
    connections = connections_to(url)
    body = orjson.dumps({"name": STORE})
    await connections.request("POST", "/v1/stores", {"content-type": "application/json"}, body)
    await connections.close()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The whole campaign."""

    alone: Measured
    beside: Measured
    slow: Siege
    siege: Siege
    healthy: Healthy
    memory: Memory
    workers_kept: bool
    ready: bool


async def campaign(running: Served, per_kind: int, seconds: float) -> Outcome:
    """Healthy traffic alone, then beside hostile; then everything hostile at once."""
    await make_store(running.url)
    healthy = Healthy(running.url)
    await healthy.learn()
    load = Load(mix=MIX, rate=HEALTHY_RATE, seconds=seconds, warm_up_seconds=0.0)
    (alone,) = await fire(running.url, Asked(load=load))
    stop, files = asyncio.Event(), attacks(1, dict.fromkeys(KINDS, 2000))
    first = next(files)  # all are damaged now: it takes seconds, in which this loop would time nobody
    slowly = asyncio.ensure_future(besiege(running.url, _until(stop, chain([first], files)), callers=1))
    (beside,) = await fire(running.url, Asked(load=load))
    stop.set()
    slow = await slowly
    using, before = asyncio.ensure_future(healthy.use()), worker_ids(running)
    everything = (*bomb_attacks(), *shapeless())
    siege, memory = await watched(
        running.process.pid, besiege(running.url, chain(everything, attacks(0, dict.fromkeys(KINDS, per_kind))))
    )
    healthy.stopping = True
    await using
    return Outcome(
        alone=alone,
        beside=beside,
        slow=slow,
        siege=siege,
        healthy=healthy,
        memory=memory,
        workers_kept=worker_ids(running) == before,
        ready=await is_ready(running.url),
    )


def _until(stop: asyncio.Event, attacks: Iterable[Attack]) -> Iterator[Attack]:
    for attack in attacks:
        if stop.is_set():
            return
        yield attack


def main() -> int:
    """Measure, print, and answer with 1 when something was harmed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-kind", type=int, default=2000, help="malformed files of each modality")
    parser.add_argument("--seconds", type=float, default=30.0, help="of healthy traffic, alone and beside")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    asked = parser.parse_args()
    with served(*SETTINGS) as running:
        outcome = in_loop(lambda: campaign(running, asked.per_kind, asked.seconds))
    table = as_table(["", "", "asked"], rows(outcome))
    words = f"{machine()}; {asked.per_kind} malformed files of each of {', '.join(KINDS)}."
    print(table, words, *outcome.siege.faults[:20], *outcome.siege.unanswered[:20], sep="\n")
    if asked.write:
        write_table("hostile", f"{table}\n{words}")
    return int(bool(outcome.siege.faults or outcome.siege.unanswered or outcome.healthy.wrong))


def rows(outcome: Outcome) -> list[tuple[str, str, str]]:
    """The table's rows."""
    siege, healthy = outcome.siege, outcome.healthy
    statuses = ", ".join(f"{number} x {status}" for status, number in sorted(siege.statuses.items()))
    p99 = [{each.name: each.latency["p99"] for each in run.figures.groups} for run in (outcome.alone, outcome.beside)]
    times = [
        (f"healthy {name}: p99 ms alone, beside", _ratio(*(each[name].value for each in p99)), "1.2x")
        for name in p99[0]
    ]
    memory, beside = outcome.memory, f"{outcome.slow.num_items / outcome.beside.figures.seconds:.0f}"
    most = max(size for _, size in memory.bytes_at)
    return [
        ("malformed items sent", f"{siege.num_items} in {sum(siege.statuses.values())} requests ({statuses})", ""),
        ("processes that died", str(siege.deaths + (not outcome.ready)), "0"),
        ("answers of 500 and more, or not in our shape", str(len(siege.faults)), "0"),
        ("requests without an answer in a minute", str(len(siege.unanswered)), "0"),
        ("healthy answers beside them: right, wrong", f"{healthy.num_right}, {len(healthy.wrong)}", "0 wrong"),
        ("healthy requests told to come again, and answered then", str(healthy.num_refused), ""),
        ("memory, most and growth in MB", f"{most / 1e6:.0f}, {memory.growth_bytes / 1e6:+.0f}", ""),
        (f"malformed items a second beside {HEALTHY_RATE:g} healthy requests", beside, ""),
        *times,
    ]


def _ratio(alone: float, beside: float) -> str:
    return f"{alone:.1f}, {beside:.1f} ({beside / alone:.2f}x)"


if __name__ == "__main__":
    sys.exit(main())
