"""What the client does, told as steps: a flow asks for one step after another and knows neither sockets nor clocks.

A flow is a generator. A driver, one that blocks and one that awaits, takes each step and hands back what came of it,
so everything the two clients do is written once.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeVar, final

from commonspace.core.errors import CommonspaceError, DeadlineMissed, UsageError
from commonspace.serve.terms import Urgency
from commonspace.shell.client.message import Call, Outcome, Reply
from commonspace.shell.client.patience import Patience
from commonspace.shell.client.refusals import error_of

__all__ = ["Flow", "Line", "Pause", "Send", "Step", "Together", "Until", "Work", "ask", "together"]

T = TypeVar("T")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send a request; what comes of it is an ``Outcome``."""

    call: Call
    timeout_seconds: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Let some time go by."""

    seconds: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Do something that takes a while without a network (read a file, write a picture); its result comes back."""

    do: Callable[[], Any]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Run several flows at a time, at most so many; their results come back in order.

    The first to fail, in order, fails the step; those that have not begun then never do.
    """

    flows: "tuple[Flow[Any], ...]"
    at_a_time: int


Step = Send | Pause | Work | Together
Flow = Generator[Step, Any, T]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The way to one service: its address, the patience with it, and the clock and the dice that a flow goes by."""

    url: str
    patience: Patience
    now: Callable[[], float]
    draw: Callable[[], float]

    def until(self, timeout_seconds: float, priority: Urgency | str | None = None) -> "Until":
        """Terms that end in so many seconds.

        Raises:
            UsageError: the time is not above zero, or the priority is none.
        """
        if not timeout_seconds > 0:
            raise UsageError(f"A timeout of {timeout_seconds} s leaves no time.", fix="Give seconds above zero.")
        try:
            urgency = Urgency(priority) if priority is not None else None
        except ValueError as error:
            known = " or ".join(each.value for each in Urgency)
            raise UsageError(f"There is no priority '{priority}'.", fix=f"Use {known}.") from error
        return Until(line=self, deadline=self.now() + timeout_seconds, urgency=urgency)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """Until when an answer is worth having, on the line's clock, and how urgent it is."""

    line: Line
    deadline: float
    urgency: Urgency | None

    def left(self) -> float:
        """Seconds until the deadline; not above zero when it is over."""
        return self.deadline - self.line.now()

    def headers(self, left_seconds: float) -> dict[str, str]:
        """What the service is told of these terms."""
        told = {"x-commonspace-timeout-ms": str(max(1, int(left_seconds * 1000)))}
        return told if self.urgency is None else {**told, "x-commonspace-class": self.urgency.value}


def ask(call: Call, until: Until) -> Flow[Reply]:
    """Send a request until it is answered well, no further try is worth it, or the time is over.

    Raises:
        CommonspaceError: what the last answer amounts to; DeadlineMissed where there was none.
    """
    line, last = until.line, None
    for retry in count(1):
        left = until.left()
        if left <= 0:
            raise last or _too_late(line.url)
        told = replace(call, headers={**call.headers, **until.headers(left)})
        outcome: Outcome = yield Send(call=told, timeout_seconds=left)
        if isinstance(outcome, Reply) and outcome.is_good:
            return outcome
        last = error_of(outcome, line.url)
        pause = line.patience.pause(call, outcome, retry, line.draw())
        if pause is None or pause >= until.left():
            raise last
        yield Pause(seconds=pause)
    raise _too_late(line.url)


def together(flows: Sequence[Flow[T]], at_a_time: int) -> Flow[list[T]]:
    """The results of several flows, in order; a single one needs no company."""
    if len(flows) == 1:
        return [(yield from flows[0])]
    results: list[T] = yield Together(flows=tuple(flows), at_a_time=at_a_time)
    return results


def _too_late(url: str) -> CommonspaceError:
    return DeadlineMissed(f"The time for {url} was over.", fix="Allow more time (`timeout`), or send less at once.")
