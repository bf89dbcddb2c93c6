"""What does the service carry, and how long do its callers wait, beside Infinity and sentence-transformers?

    python -m benchmarks.serving [--work DIR] [--venvs DIR] [--rounds 3] [--seconds 4] [--json] [--write]

One run on loopback. All servers run all the time, each in an environment of its own (made under ``--work`` at the first
run; ``--venvs`` takes ready ones called ``infinity`` and ``plain``), with their defaults; one at a time is loaded, in
turns, each round beginning with another. A request holds one item that this server has not seen, and asks for base64.
Texts go through the same all-MiniLM-L6-v2 everywhere, and vectors are compared before anything is timed. Pictures do
not go through the same network: ours is EfficientNet-Lite0, the rivals have a CLIP ViT-B/32 of random weights, several
times the arithmetic. The bare model is timed in the same rounds. Ends with 1 where less is kept than asked, or where a
request was not answered.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import process_time
from typing import final

import numpy as np
import psutil
from rich.console import Console

from benchmarks.bare import Bare, bare_model
from benchmarks.page import as_table, write_table
from benchmarks.rival_homes import make_homes
from benchmarks.servers import INFINITY_ONNX, INFINITY_TORCH, OURS, QUIET, servers, started, vectors_of
from benchmarks.towers import processor
from benchmarks.turns import Asked, Spent, Turn, Work, missed, overheads_ms, ratios, standing, turn_of
from commonspace.core.modality import Modality
from commonspace.serve.load.figures import summary
from commonspace.serve.load.firing import Clock, in_turn
from commonspace.serve.load.traffic import Mix, Shot, Traffic
from commonspace.shell.load.launch import Running
from commonspace.shell.load.shooting import Dialect, Shooter, connections_to

CALLERS = {Modality.TEXT: (1, 8, 64), Modality.IMAGE: (1, 8)}
ALONE, CROWD = Work(modality=Modality.TEXT, callers=1), Work(modality=Modality.TEXT, callers=64)
ASKED = tuple(Asked(work=CROWD, rival=rival, least_rate=2.0, most_p99=0.5) for rival in (INFINITY_TORCH, INFINITY_ONNX))
MOST_OVERHEAD_MS = 3.0
WARM_UP_SECONDS = 0.5
NUM_COMPARED = 16
LEAST_COSINE = 0.999
MOST_TAKEN = 0.1
SEED = 0
HEADER = (
    "load",
    "server",
    "requests",
    "failed",
    "a second",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "CPU ms a request",
    "loader's CPU ms",
    "memory",
    "our rate is",
    "our p99 is",
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A running server as it is loaded with one modality: no item of ``shots`` comes twice."""

    server: str
    modality: Modality
    running: Running
    dialect: Dialect
    shots: Iterator[Shot]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Every turn, and the bare model's times in milliseconds, round by round."""

    turns: tuple[Turn, ...]
    bare_ms: tuple[tuple[float, ...], ...]


def stands(stack: ExitStack, work: Path, venvs: Path) -> list[Stand]:
    """Start every server; they end with the stack."""
    state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    found = []
    for server in servers(make_homes(work, venvs), state):
        print(f"starting {server.name} ({', '.join(server.dialects)}) ...", file=sys.stderr)
        process = stack.enter_context(started(server))
        for modality, dialect in server.dialects.items():
            traffic = Traffic(Mix(shares={modality: 1.0}), seed=SEED)
            shots = _endless(traffic)
            found.append(Stand(server=server.name, modality=modality, running=process, dialect=dialect, shots=shots))
    return found


def _endless(traffic: Traffic) -> Iterator[Shot]:
    while True:
        yield traffic.shot()


def require_same_vectors(held: Sequence[Stand]) -> None:
    """Refuse to compare servers that do not say the same of texts, or that say nothing of pictures."""
    texts = {stand.server: asyncio.run(_vectors(stand)) for stand in held if stand.modality == Modality.TEXT}
    for name, rows in texts.items():
        least = float((rows * texts[OURS]).sum(axis=1).min())
        if not least >= LEAST_COSINE:
            raise SystemExit(f"{name} and {OURS} give different vectors (cosine {least:.4f}): no fair race")
    for stand in held:
        if stand.modality != Modality.TEXT:
            lengths = np.linalg.norm(asyncio.run(_vectors(stand)), axis=1)
            if not np.allclose(lengths, 1.0, atol=1e-3):
                raise SystemExit(f"{stand.server} gives no vectors of length one for {stand.modality}: no fair race")


async def _vectors(stand: Stand) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    connections = connections_to(stand.running.url)
    rows = []
    for _ in range(NUM_COMPARED):
        request = stand.dialect.request(next(stand.shots))
        headers = {"content-type": "application/json", **request.headers}
        answer = await connections.request("POST", request.path, headers, request.body)
        if answer.status != 200:
            raise SystemExit(f"{stand.server} answers {answer.status}: {answer.body[:300].decode('utf-8', 'replace')}")
        rows.append(vectors_of(answer))
    await connections.close()
    return np.concatenate(rows)


def race(held: Sequence[Stand], bare: Bare, *, num_rounds: int, seconds: float) -> Found:
    """Load every server with every load in turns; each round begins with another server."""
    turns, bare_ms = [], []
    for number in range(num_rounds):
        bare_ms.append(tuple(bare.times_ms(seconds, WARM_UP_SECONDS)))
        for modality, callers in CALLERS.items():
            mine = [stand for stand in held if stand.modality == modality]
            first = number % len(mine)
            for count in callers:
                work = Work(modality=modality, callers=count)
                for stand in (*mine[first:], *mine[:first]):
                    turns.append(asyncio.run(_turn(stand, work, number, seconds)))
                    print(f"round {number + 1}: {work}: {stand.server}: {turns[-1].per_second:.1f}/s", file=sys.stderr)
    return Found(turns=tuple(turns), bare_ms=tuple(bare_ms))


async def _turn(stand: Stand, work: Work, number: int, seconds: float) -> Turn:
    connections = connections_to(stand.running.url)
    target, clock = Shooter(connections, stand.dialect), Clock()
    try:
        await in_turn(target, stand.shots, callers=work.callers, seconds=WARM_UP_SECONDS, clock=clock)
        before = _spent(stand.running.process_id)
        fired = await in_turn(target, stand.shots, callers=work.callers, seconds=seconds, clock=clock)
        after = _spent(stand.running.process_id)
    finally:
        await connections.close()
    spent = Spent(**{name: value - asdict(before)[name] for name, value in asdict(after).items()})
    resident = sum(each.memory_info().rss for each in _tree(stand.running.process_id))
    return turn_of((stand.server, work), number, summary(fired), spent, resident)


def _spent(process_id: int) -> Spent:
    """Seconds of processor time so far; those of children that have ended are their parents'."""
    machine = psutil.cpu_times()
    idle = machine.idle + getattr(machine, "iowait", 0.0)
    every = sum(machine) - getattr(machine, "guest", 0.0) - getattr(machine, "guest_nice", 0.0)
    server = 0.0
    for each in _tree(process_id):
        times = each.cpu_times()
        server += times.user + times.system + times.children_user + times.children_system
    return Spent(server=server, loader=process_time(), busy=every - idle, machine=every)


def _tree(process_id: int) -> list[psutil.Process]:
    root = psutil.Process(process_id)
    return [root, *root.children(recursive=True)]


def cells(found: Found) -> list[list[str]]:
    """The lines of the table, load by load."""
    lines = []
    for server, work in dict.fromkeys((turn.server, turn.work) for turn in sorted(found.turns, key=_place)):
        one = standing(found.turns, server, work)
        others = ", ".join(f"{count} {code}" for code, count in one.codes.items() if code != "ok")
        against = ("", "") if server == OURS else tuple(_against(found, work, server, each) for each in RATIOS)
        times = (one.p50_ms, one.p95_ms, one.p99_ms, one.processor_ms, one.loader_ms)
        rate, memory = f"{one.per_second:.1f}", f"{one.resident_bytes / 2**20:.0f} MiB"
        spent = [f"{each:.2f}" if each < 10 else f"{each:.0f}" for each in times]
        lines.append([str(work), server, str(one.num_answered), others or "0", rate, *spent, memory, *against])
    return lines


RATIOS = ("per_second", "p99_ms")


def _place(turn: Turn) -> tuple[bool, int, bool]:
    return turn.work.modality != Modality.TEXT, turn.work.callers, turn.server != OURS


def _against(found: Found, work: Work, rival: str, figure: str) -> str:
    each = ratios(found.turns, work, OURS, rival, figure)
    return f"{median(each):.2f}x ({min(each):.2f}-{max(each):.2f})"


def said(found: Found, *, num_rounds: int, seconds: float, now: datetime) -> str:
    """What belongs to the figures."""
    over = overheads_ms(found.turns, OURS, ALONE, found.bare_ms)
    bare = median(median(each) for each in found.bare_ms)
    others = median(turn.taken for turn in found.turns)
    return (
        f"Over the bare model: a text alone takes {bare:.2f} ms by `commonspace.load().embed` in a process of its own, "
        f"and {median(over):.2f} ms more through the service ({min(over):.2f} to {max(over):.2f} by round, p50 against "
        f"p50; asked: {MOST_OVERHEAD_MS:g} at most).\n\n"
        f"{processor()}, {os.cpu_count()} cores, {now:%Y-%m-%d %H:%M} UTC, {num_rounds} rounds in turns of "
        f"{seconds:g} s after {WARM_UP_SECONDS:g} s that do not count, medians over rounds, seed {SEED}. One item a "
        "request, none sent to a server twice; base64 for all; loader, servers and bare model share the machine. "
        f"Others took {others:.0%} of it meanwhile (median of the turns). "
        "`our rate is`, `our p99 is`: how many times the rival's, in the same round, with the least and the most. "
        "CPU: all processes of a server, by request; memory: their resident pages added up, shared ones more than "
        "once. Where a turn has fewer than a hundred requests its p99 is its slowest."
    )


def complaints(found: Found) -> list[str]:
    """What ours does not keep, and requests of anybody's that were not answered."""
    told = missed(found.turns, OURS, ASKED)
    over = median(overheads_ms(found.turns, OURS, ALONE, found.bare_ms))
    if over > MOST_OVERHEAD_MS:
        told.append(f"{ALONE}: {over:.2f} ms over the bare model, asked {MOST_OVERHEAD_MS:g} at most")
    failed: Mapping[str, int] = {
        f"{turn.server}, {turn.work}, round {turn.round + 1}": turn.num_failed for turn in found.turns
    }
    return told + [f"{name}: {count} requests not answered" for name, count in failed.items() if count]


def arguments_of() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--work", type=Path, default=Path("build/serving"), help="environments and models are made here"
    )
    parser.add_argument("--venvs", type=Path, help="folder with ready environments 'infinity' and 'plain'")
    parser.add_argument("--rounds", type=int, default=3, help="the median over them counts")
    parser.add_argument("--seconds", type=float, default=4.0, help="of a turn")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and answer with 1 when less is kept than asked."""
    arguments = arguments_of()
    work = arguments.work.resolve()
    os.environ |= {**QUIET, "HF_HOME": str(work / "home")}
    os.environ.pop("OMP_NUM_THREADS", None)
    with ExitStack() as stack:
        held = stands(stack, work, arguments.venvs or work / "venvs")
        require_same_vectors(held)
        bare = stack.enter_context(bare_model(SEED))
        found = race(held, bare, num_rounds=arguments.rounds, seconds=arguments.seconds)
    table = as_table(HEADER, cells(found))
    told = said(found, num_rounds=arguments.rounds, seconds=arguments.seconds, now=datetime.now(UTC))
    if arguments.json:
        print(json.dumps({"seed": SEED, "seconds": arguments.seconds, **asdict(found)}, indent=2))
    else:
        print(f"{table}\n{told}")
    if arguments.write:
        write_table("serving", f"{table}\n{told}")
    console = Console(stderr=True)
    if (taken := median(turn.taken for turn in found.turns)) > MOST_TAKEN:
        console.print(f"others had {taken:.0%} of the machine: not figures to quote; run it at a quiet time")
    wrong = complaints(found)
    for each in wrong:
        console.print(each)
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
