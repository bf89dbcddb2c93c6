"""Where batches run: a few slots, given to the most urgent lane whenever one is free. Nothing waits on a clock."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, final

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.tower import Features, Tower
from commonspace.serve.lane import Lane, Ticket
from commonspace.serve.meters import Meters
from commonspace.serve.terms import Urgency

__all__ = ["Floor"]

STUCK_SECONDS: Final = 60.0
AT_ONCE: Final = 4
"""So many answers are written before the event loop looks at what has come."""
LONGEST: Final = 4.0
"""A batch of a long queue may take so many times the budget."""


@final
@dataclass(slots=True, kw_only=True, eq=False)
class _Batch:
    """Tickets of one lane on a slot."""

    lane: Lane
    tickets: list[Ticket]
    started_at: float
    expected_seconds: float


@final
class Floor:
    """Runs lanes' batches on ``slots`` threads, each ``budget_seconds`` long, more from a long queue, or one piece.

    A batch that fails is run again piece by piece, so that a bad piece fails alone. All methods are the event loop's.
    """

    def __init__(self, lanes: Mapping[Modality, Lane], *, slots: int, budget_seconds: float, meters: Meters) -> None:
        self.lanes = lanes
        self.slots = slots
        self._budget_seconds = budget_seconds
        self._meters = meters
        self._executor = ThreadPoolExecutor(slots, thread_name_prefix="commonspace-tower")
        self._running: set[_Batch] = set()

    def wake(self) -> None:
        """Fill free slots with what is most urgent."""
        while len(self._running) < self.slots:
            lane = min(self.lanes.values(), key=Lane.due)
            if lane.due() == float("inf"):
                return
            tickets = lane.take(self._budget(lane))
            if lane.num_dropped:
                self._meters.dropped("gone", lane.num_dropped)
                lane.num_dropped = 0
            if tickets:
                self._start(lane, tickets)

    def backlog_seconds(self, urgency: Urgency) -> float:
        """How long one slot would work on all that waits of a class."""
        return sum(lane.backlog_seconds(urgency) for lane in self.lanes.values())

    def running_seconds(self, now: float) -> float:
        """What the batches on the slots will still take, summed."""
        return sum(max(0.0, batch.started_at + batch.expected_seconds - now) for batch in self._running)

    def stuck(self, now: float) -> bool:
        """Whether a batch has run so long that it will hardly end."""
        return any(now - batch.started_at > max(STUCK_SECONDS, 50 * batch.expected_seconds) for batch in self._running)

    @property
    def num_running(self) -> int:
        """How many batches run."""
        return len(self._running)

    def close(self) -> None:
        """Let the threads go."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _budget(self, lane: Lane) -> float:
        """The usual budget; half of a slot's share of a long queue if that is more, for large batches cost less."""
        waiting = lane.gauge.curve.unit_seconds * sum(lane.units.values())
        return min(max(self._budget_seconds, waiting / self.slots / 2), LONGEST * self._budget_seconds)

    def _start(self, lane: Lane, tickets: list[Ticket]) -> None:
        units = sum(ticket.units for ticket in tickets)
        batch = _Batch(
            lane=lane, tickets=tickets, started_at=time.monotonic(), expected_seconds=lane.gauge.seconds(units)
        )
        self._running.add(batch)
        features = [ticket.features for ticket in tickets]
        running = asyncio.get_running_loop().run_in_executor(self._executor, _timed, lane.tower, features)
        running.add_done_callback(lambda done: self._ended(batch, done))

    def _ended(self, batch: _Batch, done: "asyncio.Future[tuple[Vectors, float]]") -> None:
        self._running.discard(batch)
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error is not None:
            self._failed(batch, error)
        else:
            units = sum(ticket.units for ticket in batch.tickets)
            rows, seconds = done.result()
            batch.lane.gauge.learn(units, seconds)
            self._meters.batch(batch.lane.modality, len(batch.tickets), seconds)
            self._deliver(batch, rows, seconds / len(batch.tickets), 0)
        self.wake()

    def _deliver(self, batch: _Batch, rows: Vectors, share_seconds: float, first: int) -> None:
        """Hand out some rows, and the others after whatever else has come meanwhile: refusals must not wait for all."""
        for place, ticket in enumerate(batch.tickets[first : first + AT_ONCE], first):
            waited = batch.started_at - ticket.queued_at
            self._meters.waited(batch.lane.modality, waited)
            ticket.waiter.receive(ticket.place, rows[place], waited, share_seconds)
        if first + AT_ONCE < len(batch.tickets):
            asyncio.get_running_loop().call_soon(self._deliver, batch, rows, share_seconds, first + AT_ONCE)

    def _failed(self, batch: _Batch, error: BaseException) -> None:
        """Try the pieces one by one; what was alone already has failed for good."""
        self._meters.batch_failed(batch.lane.modality)
        if len(batch.tickets) == 1:
            failure = ModelError(
                f"The {batch.lane.modality} tower failed on this item ({type(error).__name__}).",
                fix="Try again; if it happens again, please report it.",
            )
            failure.__cause__ = error
            batch.tickets[0].waiter.fail(failure)
            return
        for ticket in batch.tickets:
            ticket.alone = True
        batch.lane.put(batch.tickets)


def _timed(tower: Tower, features: Sequence[Features]) -> tuple[Vectors, float]:
    """Vectors, and the seconds that they took: told by the slot, for the event loop may hear of them late."""
    started = time.monotonic()
    rows = tower.encode(features)
    return rows, time.monotonic() - started
