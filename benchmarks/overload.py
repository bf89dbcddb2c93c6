"""What happens when more is asked than can be done? Capacity, four fifths of it, twice of it, and afterwards.

    python -m benchmarks.overload [--seconds 180] [--share-seconds 25] [--set objectives.text=100] [--write]

Texts, one a request, no two the same. Capacity is what callers in turn get answered (closed loop). All else is an open
loop: requests come at random times (Poisson) whatever is answered, and times run from when each was meant to be sent.
Then interactive requests within capacity beside bulk far beyond it, and texts among pictures and sounds against texts
alone, both at the same share of what the service can do of each. The loader runs on the same machine.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, final

import numpy as np

from benchmarks.page import as_table, write_table
from benchmarks.under_load import (
    Asked,
    Memory,
    fire,
    good_between,
    in_loop,
    is_ready,
    logged_ms,
    machine,
    served,
    settled,
    watched,
)
from commonspace.core.modality import Modality
from commonspace.serve.load.figures import Group, percentile
from commonspace.serve.load.firing import Fired
from commonspace.serve.load.traffic import Mix
from commonspace.serve.terms import Urgency
from commonspace.shell.load.measuring import Load, Measured
from tests.e2e.serving import Served

__all__ = ["TEXTS", "Classes", "Overloaded", "both_classes", "capacity_of", "overload"]

TEXTS: Final = Mix(shares={Modality.TEXT: 1.0})
TRIMODAL: Final = Mix(shares={Modality.TEXT: 0.80, Modality.IMAGE: 0.15, Modality.AUDIO: 0.05})
CALLERS: Final = 16
"""More would wait longer than a tight objective allows, and be refused."""
FULL: Final = 0.8
TWICE: Final = 2.0
UTILISATION: Final = 0.6
INTERACTIVE: Final = 0.4
BULK: Final = 1.6
PATIENCE_SECONDS: Final = 30.0
_seeds = count(1000)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Overloaded:
    """Loads one after another: ``full`` is four fifths of capacity, ``twice`` twice of it, ``after`` as full again.

    ``refused_inside_ms`` is how long the service itself was at each refusal, in growing order.
    """

    full: Measured
    twice: Measured
    after: Measured
    memory: Memory
    refused_inside_ms: Sequence[float]
    settled: bool
    ready: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """The same overload by two classes."""

    interactive: Measured
    bulk: Measured


def _load(mix: Mix, rate: float | None, seconds: float) -> Load:
    warm_up = 0.0 if rate else 2.0
    return Load(mix=mix, concurrency=CALLERS, rate=rate, seconds=seconds, warm_up_seconds=warm_up, seed=next(_seeds))


async def capacity_of(url: str, mix: Mix, seconds: float) -> float:
    """Requests a second that are answered to callers in turn."""
    (measured,) = await fire(url, Asked(load=_load(mix, None, seconds)))
    return measured.figures.everything.per_second


async def overload(
    running: Served, capacity: float, seconds: float, before_seconds: float, *, times: float = TWICE
) -> Overloaded:
    """Four fifths of a capacity, so many times of it for so long, and four fifths again."""
    (full,) = await fire(running.url, Asked(load=_load(TEXTS, FULL * capacity, before_seconds)))
    logged = running.log.stat().st_size
    pushing = fire(running.url, Asked(load=_load(TEXTS, times * capacity, seconds)))
    (twice,), memory = await watched(running.process.pid, pushing)
    refused = logged_ms(running, logged, 429)
    (after,) = await fire(running.url, Asked(load=_load(TEXTS, FULL * capacity, before_seconds)))
    left = await settled(running.url, PATIENCE_SECONDS)
    return Overloaded(
        full=full,
        twice=twice,
        after=after,
        memory=memory,
        refused_inside_ms=refused,
        settled=not sum(left["on_the_way"].values()) and not left["running_batches"] and not left["waiting_to_decode"],
        ready=await is_ready(running.url),
    )


async def both_classes(url: str, capacity: float, seconds: float) -> Classes:
    """Interactive requests within a capacity, and bulk far beyond it."""
    interactive, bulk = await fire(
        url,
        Asked(load=_load(TEXTS, INTERACTIVE * capacity, seconds)),
        Asked(load=_load(TEXTS, BULK * capacity, seconds), urgency=Urgency.BULK),
    )
    return Classes(interactive=interactive, bulk=bulk)


async def mixed(url: str, seconds: float) -> tuple[Measured, Measured]:
    """Texts alone, and texts among pictures and sounds, each at the same share of what can be done of it."""
    runs = []
    for mix in (TEXTS, TRIMODAL):
        rate = UTILISATION * await capacity_of(url, mix, seconds / 3)
        runs += await fire(url, Asked(load=_load(mix, rate, seconds)))
    alone, among = runs
    return alone, among


def recovered_seconds(after: Sequence[Fired], usual_p99_ms: float) -> float:
    """When the last second began in which something was refused, or took over twice the usual p99; then one more."""
    bad = [each.meant for each in after if not each.outcome.is_ok or 1000 * each.seconds > 4 * usual_p99_ms]
    return float(np.quantile(bad, 0.99)) if len(bad) > 0.01 * len(after) else 0.0


def main() -> int:
    """Measure, print, and answer with 1 when something was not answered or no answer of ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180.0, help="of twice the capacity")
    parser.add_argument("--share-seconds", type=float, default=25.0, help="of each of the other loads")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="a setting of the service")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    asked = parser.parse_args()

    async def run(running: Served) -> tuple[float, Overloaded, Classes, tuple[Measured, Measured]]:
        capacity = await capacity_of(running.url, TEXTS, asked.share_seconds / 2)
        pushed = await overload(running, capacity, asked.seconds, asked.share_seconds)
        classes = await both_classes(running.url, capacity, asked.share_seconds)
        await asyncio.sleep(1.0)
        return capacity, pushed, classes, await mixed(running.url, asked.share_seconds)

    with served(*asked.settings) as running:
        capacity, pushed, classes, runs = in_loop(lambda: run(running))
    found = [*_push_rows(capacity, pushed), *_class_rows(classes), *_mix_rows(*runs)]
    table = as_table(["", "", "asked"], found)
    set_to = f" {', '.join(asked.settings)};" if asked.settings else ""
    words = f"{machine()};{set_to} {asked.seconds:g} s of overload, {asked.share_seconds:g} s of each other load."
    print(table, words, sep="\n")
    if asked.write:
        write_table("overload", f"{table}\n{words}")
    return int(not (pushed.ready and pushed.settled and _only_refused(pushed.twice)))


def _only_refused(measured: Measured) -> bool:
    return set(measured.figures.everything.codes) <= {"ok", "overloaded"}


def _push_rows(capacity: float, pushed: Overloaded) -> list[tuple[str, str, str]]:
    full, twice = pushed.full.figures.everything, pushed.twice.figures.everything
    usual, goodput = full.latency["p99"].value, good_between(pushed.twice.fired, 0.0, pushed.twice.load.seconds)
    refused, late = twice.refusal_ms, pushed.twice.figures.late_ms
    return [
        ("capacity, texts a second", f"{capacity:.0f}", ""),
        (f"p50, p99 at {FULL:.0%}, ms", f"{full.latency['p50'].value:.0f}, {usual:.0f}", ""),
        (f"answers at {TWICE:.0%}", _codes(twice), "429 and 200"),
        ("goodput, of capacity", f"{goodput:.0f} a second, {goodput / capacity:.0%}", "90%"),
        ("accepted p50, p99, ms", f"{twice.latency['p50'].value:.0f}, {_against(twice, usual)}", "2x"),
        ("refused p50, p99, ms", f"{refused['p50']:.1f}, {refused['p99']:.1f}" if refused else "none", "10"),
        ("of which in the service's own code, ms", _inside(pushed.refused_inside_ms), ""),
        ("the loader itself was late, p50, p99, ms", f"{late['p50']:.1f}, {late['p99']:.1f}", ""),
        ("memory, MB: least tenth to last tenth", f"{pushed.memory.growth_bytes / 1e6:+.0f}", "flat"),
        ("processor seconds a second", f"{pushed.memory.processor_seconds / pushed.twice.figures.seconds:.2f}", ""),
        ("recovered after, s", f"{recovered_seconds(pushed.after.fired, usual):.1f}", "10"),
        ("ready, and nothing left on the way", "yes" if pushed.ready and pushed.settled else "no", "yes"),
    ]  # fmt: skip


def _inside(times: Sequence[float]) -> str:
    ordered = np.array(times)
    return f"{percentile(ordered, 0.5):.1f}, {percentile(ordered, 0.99):.1f}" if times else "none"


def _against(group: Group, usual: float) -> str:
    p99 = group.latency["p99"].value
    return f"{p99:.0f} ({p99 / usual:.1f}x)"


def _codes(group: Group) -> str:
    return ", ".join(f"{number} {code}" for code, number in sorted(group.codes.items()))


def _class_rows(classes: Classes) -> list[tuple[str, str, str]]:
    rows = []
    for name, measured, asked in (("interactive", classes.interactive, "99%"), ("bulk", classes.bulk, "")):
        group = measured.figures.everything
        share = group.codes.get("ok", 0) / group.num_shots
        p99 = f", p99 {group.latency['p99'].value:.0f} ms" if group.latency else ""
        rows.append((f"{name} at {measured.load.rate or 0:.0f} a second: served", f"{share:.1%}{p99}", asked))
    return rows


def _mix_rows(alone: Measured, among: Measured) -> list[tuple[str, str, str]]:
    texts = [next(each for each in run.figures.groups if each.name == Modality.TEXT) for run in (alone, among)]
    p99 = [each.latency["p99"] for each in texts]
    shown = ", ".join(f"{each.value:.0f} ({each.low:.0f}-{each.high:.0f})" for each in p99)
    others = ", ".join(f"{each.name} {each.latency['p99'].value:.0f}" for each in among.figures.groups[1:])
    return [
        (f"rates at {UTILISATION:.0%} of capacity: texts alone, {TRIMODAL}",
         f"{alone.load.rate or 0:.0f}, {among.load.rate or 0:.0f} a second", ""),
        ("text p99 alone, mixed, ms", f"{shown}: {p99[1].value / p99[0].value:.1f}x", "2x"),
        ("other p99 mixed, ms", others, ""),
        ("not answered alone, mixed", f"{_codes(alone.figures.everything)}; {_codes(among.figures.everything)}", ""),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
