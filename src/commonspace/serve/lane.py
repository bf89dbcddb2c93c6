"""One tower's queue: what is due first goes first, with others of its length as far as the budget reaches."""

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality
from commonspace.encode.tower import Features, Tower
from commonspace.serve.cost import Gauge, group_of, units_of
from commonspace.serve.terms import Urgency

__all__ = ["Lane", "Ticket", "Waiter"]

MOST_PIECES = 256
_numbers = itertools.count()


class Waiter(Protocol):
    """Whose piece it is."""

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for it."""
        ...

    def receive(self, place: int, row: NDArray[np.float32], queue_seconds: float, inference_seconds: float) -> None:
        """Take in the vector of the piece at this place."""
        ...

    def fail(self, error: Exception) -> None:
        """Take in that there will be none."""
        ...


@final
@dataclass(slots=True, kw_only=True, eq=False)
class Ticket:
    """One piece in the queue; ``due`` orders it, on the clock of ``time.monotonic``."""

    waiter: Waiter
    place: int
    features: Features
    due: float
    urgency: Urgency
    queued_at: float
    units: int
    alone: bool = False
    number: int = field(default_factory=_numbers.__next__)

    def __lt__(self, other: "Ticket") -> bool:
        return (self.due, self.number) < (other.due, other.number)


@final
class Lane:
    """The queue of one tower. Not for several threads: the event loop's alone."""

    def __init__(self, tower: Tower, gauge: Gauge) -> None:
        self.tower = tower
        self.gauge = gauge
        self.running = 0
        self.num_dropped = 0
        self.units: dict[Urgency, int] = dict.fromkeys(Urgency, 0)
        self._groups: dict[Any, list[Ticket]] = {}

    @property
    def modality(self) -> Modality:
        """What the tower encodes."""
        return self.tower.modality

    @property
    def num_waiting(self) -> int:
        """How many pieces wait."""
        return sum(len(group) for group in self._groups.values())

    def backlog_seconds(self, urgency: Urgency) -> float:
        """How long one slot would work on what waits of a class."""
        return self.gauge.piece_seconds(self.units[urgency])

    def seconds_until(self, due: float, latest: float) -> float:
        """How long one slot would work on the interactive pieces that are due before a time.

        They are taken to be spread evenly between the first that is due and ``latest``, where a new one would be.
        """
        first, all_of_it = self.due(), self.backlog_seconds(Urgency.INTERACTIVE)
        if due >= latest or latest <= first:
            return all_of_it
        return all_of_it * max(0.0, due - first) / (latest - first)

    def put(self, tickets: Iterable[Ticket]) -> None:
        """Queue pieces."""
        for ticket in tickets:
            group = ("alone", ticket.number) if ticket.alone else group_of(self.modality, ticket.features)
            heapq.heappush(self._groups.setdefault(group, []), ticket)
            self.units[ticket.urgency] += ticket.units

    def due(self) -> float:
        """When the most urgent piece is due; infinity if none waits."""
        return min((group[0].due for group in self._groups.values()), default=float("inf"))

    def take(self, budget_seconds: float) -> list[Ticket]:
        """The most urgent piece and those of its group that fit into the budget with it; at least one if any waits.

        The budget is in seconds as measured at the start: a busy machine must not make batches small, and thereby
        itself busier. Pieces that nobody waits for any more are dropped on the way.
        """
        while self._groups:
            name = min(self._groups, key=lambda name: self._groups[name][0])
            group, units = self._groups[name], 0
            taken: list[Ticket] = []
            while group and len(taken) < MOST_PIECES:
                if taken and self.gauge.curve.seconds(units + group[0].units) > budget_seconds:
                    break
                ticket = heapq.heappop(group)
                self.units[ticket.urgency] -= ticket.units
                if not ticket.waiter.wanted:
                    self.num_dropped += 1
                    continue
                taken.append(ticket)
                units += ticket.units
            if not group:
                del self._groups[name]
            if taken:
                return taken
        return []

    def ticket(self, waiter: Waiter, place: int, features: Features, **terms: Any) -> Ticket:
        """A ticket for one piece; ``terms`` are due, urgency and queued_at."""
        units = units_of(self.modality, features)
        return Ticket(waiter=waiter, place=place, features=features, units=units, **terms)
