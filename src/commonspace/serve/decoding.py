"""Decoding as the engine asks for it: the most urgent item next, in fenced processes, with one answer an item."""

import asyncio
import heapq
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

from commonspace.core.errors import CommonspaceError, ItemError, Unavailable
from commonspace.encode.prepare import Prepared, Preparer
from commonspace.ingest.crew import Finished
from commonspace.ingest.foreman import Foreman
from commonspace.ingest.limits import Limits
from commonspace.ingest.source import Source

__all__ = ["Decoders", "Errand"]

Done = Callable[[Prepared | CommonspaceError, float], None]
_numbers = itertools.count()


@final
@dataclass(slots=True, kw_only=True, eq=False)
class Errand:
    """One item to decode; ``wanted`` is asked before it is begun, ``done`` gets the outcome and its seconds."""

    source: Source
    due: float
    seconds: float
    wanted: Callable[[], bool]
    done: Done
    started_at: float = 0.0
    number: int = field(default_factory=_numbers.__next__)

    def __lt__(self, other: "Errand") -> bool:
        return (self.due, self.number) < (other.due, other.number)


@final
class Decoders:
    """A few worker processes behind a queue in order of deadlines. All methods are the event loop's."""

    def __init__(
        self, preparer: Preparer, limits: Limits, *, workers: int = 0, dropped: Callable[[], None] = lambda: None
    ) -> None:
        self.num_workers = workers or max(1, len(os.sched_getaffinity(0)))
        self.waiting_seconds = 0.0
        self._preparer = preparer
        self._limits = limits
        self._dropped = dropped
        self._heap: list[Errand] = []
        self._busy: dict[int, Errand] = {}
        self._foreman: Foreman | None = None
        self._failure: CommonspaceError | None = None

    def start(self) -> None:
        """Start the processes; the running event loop is the one that hears of results."""
        loop = asyncio.get_running_loop()

        def tell(act: Callable[[Any], None], what: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(act, what)

        self._failure = None
        self._foreman = Foreman(
            self._preparer,
            self.num_workers,
            self._limits,
            deliver=lambda finished: tell(self._finished, finished),
            fail=lambda error: tell(self._failed, error),
        )

    def close(self) -> None:
        """End the processes; items on the way get an error."""
        foreman, self._foreman = self._foreman, None
        if foreman is not None:
            foreman.stop()
        self._give_up(Unavailable("The service is stopping.", fix="Ask again when it is back."))

    @property
    def num_ready(self) -> int:
        """How many processes can take an item or are at one."""
        return self._foreman.num_ready if self._foreman is not None and self._failure is None else 0

    @property
    def num_waiting(self) -> int:
        """How many items wait for a process."""
        return len(self._heap)

    @property
    def num_busy(self) -> int:
        """How many items are being decoded."""
        return len(self._busy)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes' ids."""
        return self._foreman.pids if self._foreman is not None else ()

    def submit(self, errand: Errand) -> None:
        """Queue one item."""
        heapq.heappush(self._heap, errand)
        self.waiting_seconds += errand.seconds
        self._hand_out()

    def _hand_out(self) -> None:
        """Give every free process the most urgent item that somebody still waits for."""
        if self._failure is not None:
            self.start()  # the thread gave up once; a new one may do better
        while self._heap and len(self._busy) < self.num_workers and self._foreman is not None:
            errand = heapq.heappop(self._heap)
            self.waiting_seconds = self.waiting_seconds - errand.seconds if self._heap else 0.0
            if not errand.wanted():
                self._dropped()
                continue
            errand.started_at = time.monotonic()
            self._busy[errand.number] = errand
            self._foreman.submit(errand.number, errand.source)

    def _finished(self, finished: Finished) -> None:
        errand = self._busy.pop(finished.ticket, None)
        if errand is not None:
            outcome = finished.outcome
            if not isinstance(outcome, Prepared | ItemError):
                outcome = ItemError("decoder_failed", "The decoder gave no item.", fix="Please report it.")
            errand.done(outcome, time.monotonic() - errand.started_at)
        self._hand_out()

    def _failed(self, error: CommonspaceError) -> None:
        """The thread behind the processes has given up: nobody is left waiting for it."""
        self._failure, self._foreman = error, None
        self._give_up(Unavailable("Decoding has stopped.", fix="Try again in a moment.", retry_after_seconds=1.0))

    def _give_up(self, error: CommonspaceError) -> None:
        errands = [*self._busy.values(), *self._heap]
        self._busy, self._heap, self.waiting_seconds = {}, [], 0.0
        for errand in errands:
            errand.done(error, 0.0)
