"""Turns of servers at the same load, round by round, and what they say: medians over rounds, ratios within a round."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import final

from commonspace.core.modality import Modality
from commonspace.serve.load.figures import Figures

__all__ = ["Asked", "Spent", "Standing", "Turn", "Work", "missed", "overheads_ms", "ratios", "standing", "turn_of"]

MILLISECONDS = 1000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a turn consists of: one item a request, from so many callers in turn."""

    modality: Modality
    callers: int

    def __str__(self) -> str:
        return f"{self.modality}, {self.callers} at a time"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a turn took, in seconds: the clock's, and the processors' for the server, the loader and the machine.

    ``machine`` is the time of all processors together, ``busy`` how much of it went to anybody.
    """

    server: float
    loader: float
    busy: float
    machine: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One server at one load in one round.

    Milliseconds of processor time are a request's, of all processes of the server. ``taken`` is the share of the
    machine's processor time that went to neither the server nor the loader. ``resident_bytes`` adds up all processes of
    the server at the end of the turn, so pages that they share count more than once.
    """

    server: str
    work: Work
    round: int
    num_answered: int
    num_failed: int
    codes: Mapping[str, int]
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    processor_ms: float
    loader_ms: float
    taken: float
    resident_bytes: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A server at one load: medians over its turns; ``num_answered`` and ``codes`` are of all turns together."""

    server: str
    work: Work
    num_turns: int
    num_answered: int
    num_failed: int
    codes: Mapping[str, int]
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    processor_ms: float
    loader_ms: float
    resident_bytes: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What ours owes against a rival at one load: so many times its rate, at most such a share of its p99."""

    work: Work
    rival: str
    least_rate: float
    most_p99: float


def turn_of(identity: tuple[str, Work], number: int, figures: Figures, spent: Spent, resident_bytes: int) -> Turn:
    """The figures of a turn of one server at one load.

    Raises:
        SystemExit: not one request was answered with vectors, so there is nothing to compare.
    """
    server, work = identity
    whole = figures.everything
    good = whole.codes.get("ok", 0)
    if not good:
        raise SystemExit(f"{server} answered nothing ({work}): {dict(whole.codes)}")
    return Turn(
        server=server,
        work=work,
        round=number,
        num_answered=good,
        num_failed=whole.num_shots - good,
        codes=dict(whole.codes),
        per_second=whole.per_second,
        p50_ms=whole.latency["p50"].value,
        p95_ms=whole.latency["p95"].value,
        p99_ms=whole.latency["p99"].value,
        processor_ms=MILLISECONDS * spent.server / whole.num_shots,
        loader_ms=MILLISECONDS * spent.loader / whole.num_shots,
        taken=max(0.0, spent.busy - spent.server - spent.loader) / spent.machine if spent.machine else 0.0,
        resident_bytes=resident_bytes,
    )


def standing(turns: Sequence[Turn], server: str, work: Work) -> Standing:
    """Sum up a server at one load."""
    mine = _mine(turns, server, work)
    codes: Counter[str] = Counter()
    for turn in mine:
        codes.update(turn.codes)
    return Standing(
        server=server,
        work=work,
        num_turns=len(mine),
        num_answered=sum(turn.num_answered for turn in mine),
        num_failed=sum(turn.num_failed for turn in mine),
        codes=dict(codes),
        per_second=median(turn.per_second for turn in mine),
        p50_ms=median(turn.p50_ms for turn in mine),
        p95_ms=median(turn.p95_ms for turn in mine),
        p99_ms=median(turn.p99_ms for turn in mine),
        processor_ms=median(turn.processor_ms for turn in mine),
        loader_ms=median(turn.loader_ms for turn in mine),
        resident_bytes=median(turn.resident_bytes for turn in mine),
    )


def ratios(turns: Sequence[Turn], work: Work, ours: str, rival: str, figure: str) -> list[float]:
    """How many times a rival's figure ours is, in each round."""
    pairs = zip(_mine(turns, ours, work), _mine(turns, rival, work), strict=True)
    return [getattr(mine, figure) / getattr(theirs, figure) for mine, theirs in pairs]


def missed(turns: Sequence[Turn], ours: str, asked: Sequence[Asked]) -> list[str]:
    """What ours does not keep, in words; by the median over rounds."""
    told = []
    for each in asked:
        rate = median(ratios(turns, each.work, ours, each.rival, "per_second"))
        p99 = median(ratios(turns, each.work, ours, each.rival, "p99_ms"))
        if rate < each.least_rate:
            told.append(f"{each.work}: {rate:.2f}x the rate of {each.rival}, asked {each.least_rate:g}x")
        if p99 > each.most_p99:
            told.append(f"{each.work}: {p99:.2f}x the p99 of {each.rival}, asked {each.most_p99:g}x at most")
    return told


def overheads_ms(turns: Sequence[Turn], server: str, work: Work, bare_ms: Sequence[Sequence[float]]) -> list[float]:
    """By how much a request's median is longer than that of the model's bare call, in each round."""
    return [turn.p50_ms - median(bare) for turn, bare in zip(_mine(turns, server, work), bare_ms, strict=True)]


def _mine(turns: Sequence[Turn], server: str, work: Work) -> list[Turn]:
    mine = [turn for turn in turns if turn.server == server and turn.work == work]
    return sorted(mine, key=lambda turn: turn.round)
