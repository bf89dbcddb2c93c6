"""Whether a request can be done in time, from what is measured; what cannot is refused before any work is done."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, final

from commonspace.core.errors import DeadlineMissed, Overloaded
from commonspace.core.modality import Modality
from commonspace.serve.pressure import Pressure
from commonspace.serve.terms import Terms, Urgency

__all__ = ["Admission", "Admitted", "Demand", "Limit", "Load"]

ALONE_FACTOR: Final = 2.0
"""A request that is long by itself is given so many times what it would take alone."""
PRESSED_SHARE: Final = 0.25
"""While more comes than can be done, a request is let in if it can be done in this much of its objective."""
BULK_SHARE: Final = 0.5
"""Bulk may take this much of the concurrency at most."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a request asks for: seconds of decoding in all, and how long it would take if it were alone."""

    decode_seconds: float
    tower_seconds: float
    alone_seconds: float
    modalities: frozenset[Modality]
    num_items: int = 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be done before a request: seconds of waiting and running work, and how many do it."""

    decode_seconds: float
    decoders: int
    running_seconds: float
    interactive_seconds: float
    bulk_seconds: float
    slots: int


@final
class Limit:
    """How many requests may be on their way at once: up by one a round while all are in time, down by a tenth if not.

    Additive increase, multiplicative decrease, at most one decrease in ``pause_seconds`` (Chiu and Jain 1989).
    """

    def __init__(self, *, start: float, least: float, most: float, pause_seconds: float = 0.25) -> None:
        self.value = start
        self._least, self._most, self._pause_seconds = least, most, pause_seconds
        self._fell_at = -math.inf

    def kept(self, num_on_the_way: int) -> None:
        """A request was done in time; the limit grows only where it was near to being reached."""
        if num_on_the_way * 2 >= self.value:
            self.value = min(self._most, self.value + 1.0 / self.value)

    def missed(self, now: float) -> None:
        """A request was late."""
        if now - self._fell_at >= self._pause_seconds:
            self._fell_at = now
            self.value = max(self._least, self.value * 0.9)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A request that was let in: when it is due, and until when its class and objective would have it done."""

    urgency: Urgency
    due: float
    objective: float
    num_items: int = 1


@final
@dataclass(slots=True, kw_only=True)
class Admission:
    """Says until when a request is to be done, or refuses it; counts what is on its way.

    While more comes than can be done an interactive request without a deadline of its own must find a short queue, a
    share of its objective; while less than ``least_seconds`` of work waits none is refused for that, or towers ran dry.
    """

    objectives: Mapping[Modality, float]
    bulk_seconds: float
    least_seconds: float = 0.025
    limit: Limit = field(default_factory=lambda: Limit(start=256.0, least=48.0, most=8192.0))
    clock: Callable[[], float] = time.monotonic
    pressure: Pressure = field(default_factory=Pressure)
    on_the_way: dict[Urgency, int] = field(default_factory=lambda: dict.fromkeys(Urgency, 0))

    def admit(self, demand: Demand, terms: Terms, load_until: Callable[[float], Load]) -> Admitted:
        """Let a request in; it is due as its terms say, else by its class and the objective of its slowest modality.

        ``load_until`` tells what is to be done before something that is due at a time.

        Raises:
            DeadlineMissed: its time is over already.
            Overloaded: it would be late.
        """
        now = self.clock()
        if terms.deadline is not None and terms.deadline <= now:
            raise DeadlineMissed("The request came with no time left.", fix="Allow more time.")
        alone = demand.alone_seconds
        if terms.urgency == Urgency.BULK:
            allowed = max(self.bulk_seconds, ALONE_FACTOR * alone)
        else:
            objective = max((self.objectives[modality] for modality in demand.modalities), default=math.inf)
            allowed = max(objective, ALONE_FACTOR * alone)
        due = now + allowed if terms.deadline is None else terms.deadline
        if terms.urgency == Urgency.INTERACTIVE:
            self.pressure.came(now, demand.num_items)
        self._check_room(terms.urgency, alone)
        load = load_until(due)
        self._check_wait(_expected(demand, load, terms.urgency), due - now, terms)
        if load.interactive_seconds / load.slots > self.least_seconds and self._is_pressed(terms):
            self._check_wait(self.pressure.wait_seconds(demand.num_items), self._short(due - now, alone), terms)
        self.on_the_way[terms.urgency] += 1
        if terms.urgency == Urgency.INTERACTIVE:
            self.pressure.entered(demand.num_items)
        return Admitted(urgency=terms.urgency, due=due, objective=now + allowed, num_items=demand.num_items)

    def release(self, admitted: Admitted, *, done: bool) -> None:
        """A request leaves. Whether an interactive one was done by its objective moves the limit.

        A deadline of the client's own does not: it would let one client shut the door on all.
        """
        there = sum(self.on_the_way.values())
        self.on_the_way[admitted.urgency] -= 1
        now = self.clock()
        if admitted.urgency == Urgency.BULK:
            return
        self.pressure.left(now, admitted.num_items)
        if now > admitted.objective:
            self.limit.missed(now)
        elif done:
            self.limit.kept(there)

    def _is_pressed(self, terms: Terms) -> bool:
        """Whether the queue is to be kept short before this request."""
        plain = terms.urgency == Urgency.INTERACTIVE and terms.deadline is None
        return plain and self.pressure.is_over

    def _short(self, allowed: float, alone: float) -> float:
        """How long a request may take while more comes than can be done, in seconds."""
        return min(allowed, max(PRESSED_SHARE * allowed, ALONE_FACTOR * alone))

    def _check_wait(self, expected: float, most: float, terms: Terms) -> None:
        """In time."""
        if expected > most:
            if terms.urgency == Urgency.INTERACTIVE:
                self.pressure.refused()
            raise Overloaded(
                f"This would take about {expected:.2f} s now, and {most:.2f} s are allowed.",
                fix="Come again after the time in Retry-After, or allow more time (timeout_ms).",
                retry_after_seconds=max(0.05, expected - most),
            )

    def _check_room(self, urgency: Urgency, alone: float) -> None:
        """Within the limit, bulk within its share of it."""
        there, room = sum(self.on_the_way.values()), self.limit.value
        if urgency == Urgency.BULK:
            there, room = self.on_the_way[Urgency.BULK], room * BULK_SHARE
        if there + 1 > max(1.0, room):
            raise Overloaded(
                f"{there} requests are on their way, and {math.floor(room)} may be.",
                fix="Come again after the time in Retry-After.",
                retry_after_seconds=max(0.05, alone),
            )


def _expected(demand: Demand, load: Load, urgency: Urgency) -> float:
    """How long until it is done: its turn in both queues, and its own work. Bulk waits for everybody."""
    before = load.running_seconds + load.interactive_seconds
    if urgency == Urgency.BULK:
        before += load.bulk_seconds
    decoding = load.decode_seconds / load.decoders if demand.decode_seconds else 0.0
    return decoding + before / load.slots + demand.alone_seconds
