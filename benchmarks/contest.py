"""Contenders in processes of their own, run in turns over the same items, so that a busy moment hits all alike."""

import multiprocessing
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals import Contender, Trial
from commonspace.core.item import Content

__all__ = ["Entry", "Lap", "Report", "Standing", "fastest", "race", "standing", "times_as_fast"]

NUM_WARM_ITEMS = 32
SHORTEST_SECONDS = 0.01
STATUS, MACHINE = Path("/proc/self/status"), Path("/proc/stat")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A contender: how its process makes it, and the ways it tries, batches rising."""

    make: Callable[[], Contender]
    trials: tuple[Trial, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One pass of one contender over all items.

    ``processor_seconds`` are those of all its threads; ``taken`` is the share of the machine's processor time that went
    to others meanwhile, or to the host of a virtual machine; ``peak_bytes`` is the most memory its process had held.
    """

    contender: str
    trial: Trial
    number: int
    num_items: int
    prepare_seconds: float
    encode_seconds: float
    processor_seconds: float
    taken: float
    peak_bytes: int

    @property
    def seconds(self) -> float:
        """Preparing and computing."""
        return self.prepare_seconds + self.encode_seconds


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """Every lap, and each contender's rows for the first items."""

    laps: tuple[Lap, ...]
    rows: Mapping[str, NDArray[np.float32]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A contender run the way that served it best: medians over its laps; milliseconds are an item's."""

    contender: str
    trial: Trial
    num_laps: int
    items_per_second: float
    prepare_milliseconds: float
    encode_milliseconds: float
    processor_milliseconds: float
    peak_bytes: int


def race(entries: Mapping[str, Entry], items: Sequence[Content], *, num_rounds: int) -> Report:
    """Let every contender pass over the items in each of its ways, round by round, one at a time.

    Each round begins with another contender. A way is warmed up on a few items before it is first timed.
    """
    context = multiprocessing.get_context("spawn")
    lines: dict[str, Connection] = {}
    laps, rows = [], {}
    try:
        for name, entry in entries.items():
            lines[name], theirs = context.Pipe()
            context.Process(target=_serve, args=(theirs, name, entry, items), daemon=True).start()
            theirs.close()
            rows[name] = _answer(lines[name], name)
        names = list(entries)
        for number in range(num_rounds):
            for name in (*names[number % len(names) :], *names[: number % len(names)]):
                for trial in entries[name].trials:
                    lines[name].send((trial, number))
                    laps.append(_answer(lines[name], name))
    finally:
        for line in lines.values():
            line.close()
    return Report(laps=tuple(laps), rows=rows)


def fastest(laps: Sequence[Lap], contender: str) -> list[Lap]:
    """The contender's laps, round by round, run the way whose median is least."""
    ways: dict[Trial, list[Lap]] = {}
    for lap in laps:
        if lap.contender == contender:
            ways.setdefault(lap.trial, []).append(lap)
    best = min(ways.values(), key=lambda mine: median(lap.seconds for lap in mine))
    return sorted(best, key=lambda lap: lap.number)


def standing(laps: Sequence[Lap], contender: str) -> Standing:
    """Sum up a contender at its best; its memory is that of its first such lap, before larger batches ran."""
    best = fastest(laps, contender)
    return Standing(
        contender=contender,
        trial=best[0].trial,
        num_laps=len(best),
        items_per_second=1 / median(lap.seconds / lap.num_items for lap in best),
        prepare_milliseconds=1000 * median(lap.prepare_seconds / lap.num_items for lap in best),
        encode_milliseconds=1000 * median(lap.encode_seconds / lap.num_items for lap in best),
        processor_milliseconds=1000 * median(lap.processor_seconds / lap.num_items for lap in best),
        peak_bytes=best[0].peak_bytes,
    )


def times_as_fast(laps: Sequence[Lap], contender: str, rival: str) -> list[float]:
    """How many times as fast as the rival the contender was, in each round, both at their best."""
    pairs = zip(fastest(laps, contender), fastest(laps, rival), strict=True)
    return [theirs.seconds / ours.seconds for ours, theirs in pairs]


def _answer(line: Connection, name: str) -> Any:
    try:
        return line.recv()
    except EOFError:
        raise SystemExit(f"{name} ended early; what it said stands above") from None


def _serve(line: Connection, name: str, entry: Entry, items: Sequence[Content]) -> None:
    """Make the contender, answer with its first rows, then with a lap for each size that is asked for."""
    with redirect_stdout(sys.stderr):
        contender = entry.make()
    few = items[:NUM_WARM_ITEMS]
    line.send(contender.run(few, entry.trials[0]).rows)
    warm: set[Trial] = set()
    while True:
        try:
            trial, number = line.recv()
        except EOFError:
            return
        if trial not in warm:
            contender.run(few, trial)
            warm.add(trial)
        before, busy, every = process_time(), *_machine_seconds()
        passed = contender.run(items, trial)
        own, busy_after, every_after = process_time() - before, *_machine_seconds()
        used = own if passed.processor_seconds is None else passed.processor_seconds
        lap = Lap(
            contender=name,
            trial=trial,
            number=number,
            num_items=len(items),
            prepare_seconds=passed.prepare_seconds,
            encode_seconds=passed.encode_seconds,
            processor_seconds=used,
            taken=max(0.0, busy_after - busy - used) / max(every_after - every, SHORTEST_SECONDS),
            peak_bytes=passed.peak_bytes or _peak_bytes(),
        )
        line.send(lap)


def _machine_seconds() -> tuple[float, float]:
    """Processor seconds since the start: busy ones (stolen by the host too), and all; zeros where no system tells."""
    if not MACHINE.exists():
        return 0.0, 0.0
    first = MACHINE.read_text("ascii").partition("\n")[0].split()
    user, nice, system, idle, waiting, interrupts, soft, stolen = (int(each) for each in first[1:9])
    busy = user + nice + system + interrupts + soft + stolen
    a_second = os.sysconf("SC_CLK_TCK")
    return busy / a_second, (busy + idle + waiting) / a_second


def _peak_bytes() -> int:
    """The most memory this process has held; Linux says it of the process alone, others with what started it."""
    if STATUS.exists():
        (line,) = (line for line in STATUS.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
