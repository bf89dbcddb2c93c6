"""Is anything lost when the service is told to stop, or when one of its decode workers is killed, both under load?

    python -m benchmarks.drains [--drains 100] [--kills 20] [--write]

A request counts as accepted when the service had begun to read it: its log has a line for it. One whose connection was
closed before that, without a byte of an answer, was not accepted; its caller may send it elsewhere. Accepted requests
without a whole answer are lost. Callers keep their connections, as clients do, and send the next request at once.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from statistics import median
from time import perf_counter
from typing import Final, final
from urllib.parse import urlsplit

import psutil

from benchmarks.page import as_table, write_table
from benchmarks.under_load import in_loop, is_ready, machine, served
from commonspace.core.modality import Modality
from commonspace.serve.load.traffic import Mix, Traffic
from commonspace.shell.load.shooting import Ours, Request
from tests.e2e.serving import Served

__all__ = ["Callers", "Drained", "Killed", "drain_once", "kill_once", "worker_ids"]

CALLERS: Final = 10
LOAD_SECONDS: Final = 0.7
LOOK_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = 60.0
MIX: Final = Mix(shares={Modality.TEXT: 0.7, Modality.IMAGE: 0.3})
SHARED: Final = 64
"""Shots are made before the load and sent again: with the cache off nobody can tell."""
UNREMEMBERED: Final = ("cache.memory_bytes=0", "workers=2")


@final
@dataclass(slots=True, kw_only=True)
class Callers:
    """Callers in turn on connections that stay open, and what became of every request, by its id."""

    url: str
    answered: dict[str, int] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)
    not_taken: list[str] = field(default_factory=list)
    stopping: bool = False
    _ids: "count[int]" = field(default_factory=count)

    async def call(self, requests: Sequence[Request]) -> None:
        """All of them, until they are told to stop or nobody listens any more."""
        await asyncio.gather(*(self._call(requests, place) for place in range(CALLERS)))

    async def _call(self, requests: Sequence[Request], place: int) -> None:
        parts = urlsplit(self.url)
        for turn in count(place * 7):
            try:
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            except OSError:
                return
            while not self.stopping and await self._one(requests[turn % len(requests)], reader, writer):
                turn += 1  # noqa: PLW2901  the next request on the same connection
            writer.close()
            if self.stopping:
                return

    async def _one(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection can be used again."""
        name = f"call-{os.getpid()}-{next(self._ids)}"
        head = (
            f"POST {request.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"x-request-id: {name}\r\ncontent-length: {len(request.body)}\r\n\r\n"
        )
        begun = b""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                writer.write(head.encode("ascii") + request.body)
                await writer.drain()
                begun = await reader.read(65_536)
                answer = begun
                while begun and not _is_whole(answer):
                    more = await reader.read(65_536)
                    if not more:
                        break
                    answer += more
        except OSError:  # and TimeoutError: no answer in a minute is none
            answer = begun
        if not begun:
            self.not_taken.append(name)
            return False
        if not _is_whole(answer):
            self.cut.append(name)
            return False
        self.answered[name] = int(answer.split(b" ", 2)[1])
        return b"connection: close" not in answer.partition(b"\r\n\r\n")[0].lower()


def _is_whole(answer: bytes) -> bool:
    head, ended, body = answer.partition(b"\r\n\r\n")
    _, there, rest = head.lower().partition(b"content-length:")
    return bool(ended and there) and len(body) >= int(rest.split(b"\r\n", 1)[0])


def requests_of(mix: Mix, seed: int) -> list[Request]:
    """Requests to be sent in turn."""
    traffic, ours = Traffic(mix, seed=seed), Ours(headers={}, timeout_ms=PATIENCE_SECONDS * 1000)
    return [ours.request(traffic.shot()) for _ in range(SHARED)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """One drain under load: requests answered in all and after the signal, accepted and lost, never accepted."""

    answered: int
    after_signal: int
    lost: int
    not_taken: int
    seconds: float
    statuses: Counter[int]


async def drain_once(running: Served, requests: Sequence[Request]) -> Drained:
    """Load a service, tell it to stop, and see to the end what becomes of every request."""
    callers = Callers(url=running.url)
    calling = asyncio.ensure_future(callers.call(requests))
    await asyncio.wait({calling}, timeout=LOAD_SECONDS)
    before = len(callers.answered)
    running.process.send_signal(signal.SIGTERM)
    told = perf_counter()
    await calling
    await asyncio.to_thread(running.process.wait, PATIENCE_SECONDS)
    read = _logged(running)
    return Drained(
        answered=len(callers.answered),
        after_signal=len(callers.answered) - before,
        lost=len(callers.cut) + sum(name in read for name in callers.not_taken),
        not_taken=sum(name not in read for name in callers.not_taken),
        seconds=perf_counter() - told,
        statuses=Counter(callers.answered.values()),
    )


def _logged(running: Served) -> set[str]:
    """The ids of all requests that the service began to read."""
    lines = (json.loads(line) for line in running.log.read_text("utf-8").splitlines())
    return {line["request_id"] for line in lines if "request_id" in line}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """One kill of a worker: seconds until the service said that it was not ready, and until it was again."""

    process_id: int
    not_ready_seconds: float
    ready_seconds: float


async def kill_once(running: Served) -> Killed:
    """Kill a decode worker and ask for readiness until it has gone and come back.

    Raises:
        TimeoutError: it did not.
    """
    process_id = worker_ids(running)[0]
    os.kill(process_id, signal.SIGKILL)
    killed = perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await is_ready(running.url):  # noqa: ASYNC110  that is how anybody else learns of it
            await asyncio.sleep(LOOK_SECONDS)
        gone = perf_counter()
        while not await is_ready(running.url):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
    return Killed(process_id=process_id, not_ready_seconds=gone - killed, ready_seconds=perf_counter() - killed)


def worker_ids(running: Served) -> list[int]:
    """The decode workers' process ids."""
    children = psutil.Process(running.process.pid).children()
    return sorted(each.pid for each in children if "commonspace.ingest.worker" in " ".join(each.cmdline()))


async def kills(running: Served, number: int) -> tuple[list[Killed], Callers]:
    """Kill workers one after another while requests come."""
    callers = Callers(url=running.url)
    calling = asyncio.ensure_future(callers.call(requests_of(MIX, seed=1)))
    killed = []
    for _ in range(number):
        await asyncio.wait({calling}, timeout=LOAD_SECONDS)
        killed.append(await kill_once(running))
    callers.stopping = True
    await calling
    return killed, callers


def main() -> int:
    """Measure, print, and answer with 1 when a request was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drains", type=int, default=100)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    asked = parser.parse_args()
    drained, requests = [], requests_of(MIX, seed=0)
    for _ in range(asked.drains):
        with served(*UNREMEMBERED) as running:
            drained.append(in_loop(lambda running=running: drain_once(running, requests)))  # type: ignore[misc]
    with served(*UNREMEMBERED) as running:
        killed, callers = in_loop(lambda: kills(running, asked.kills))
    table = as_table(["", "", ""], [*_drain_rows(drained), *_kill_rows(killed, callers)])
    words = f"{machine()}; {CALLERS} callers in turn, {MIX}."
    print(table, words, sep="\n")
    if asked.write:
        write_table("drains", f"{table}\n{words}")
    return int(any(each.lost for each in drained) or bool(callers.cut or callers.not_taken))


def _drain_rows(drained: Sequence[Drained]) -> list[tuple[str, str, str]]:
    statuses = sum((each.statuses for each in drained), Counter[int]())
    seconds = [each.seconds for each in drained]
    return [
        ("SIGTERM under load", str(len(drained)), ""),
        ("requests answered", str(sum(each.answered for each in drained)), ""),
        ("of them after the signal", str(sum(each.after_signal for each in drained)), ""),
        ("answered with 200", str(statuses[200]), ""),
        ("accepted and lost", str(sum(each.lost for each in drained)), "0"),
        ("closed before a byte was read", str(sum(each.not_taken for each in drained)), ""),
        ("seconds from signal to end, median and most", f"{median(seconds):.2f}, {max(seconds):.2f}", ""),
    ]


def _kill_rows(killed: Sequence[Killed], callers: Callers) -> list[tuple[str, str, str]]:
    gone, back = [each.not_ready_seconds for each in killed], [each.ready_seconds for each in killed]
    statuses = Counter(callers.answered.values())
    told = ", ".join(f"{number} x {status}" for status, number in sorted(statuses.items()))
    return [
        ("decode workers killed under load", str(len(killed)), ""),
        ("requests answered", f"{len(callers.answered)} ({told})", ""),
        ("requests without an answer", str(len(callers.cut) + len(callers.not_taken)), "0"),
        ("seconds until not ready, median and most", f"{median(gone):.2f}, {max(gone):.2f}", "1"),
        ("seconds until ready again, median and most", f"{median(back):.2f}, {max(back):.2f}", "5"),
    ]


if __name__ == "__main__":
    sys.exit(main())
