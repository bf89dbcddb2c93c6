"""Runs a function on many items in fenced processes; a bad item costs itself, never the run.

A thread moves items and results, so that workers stay busy while the caller computes, and a hung worker is
ended on time even if the caller never asks.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Self, TypeVar, final

from commonspace.core.errors import CommonspaceError, ItemError, UsageError
from commonspace.ingest.crew import Finished
from commonspace.ingest.foreman import Foreman
from commonspace.ingest.limits import Limits

__all__ = ["WorkerPool"]

T = TypeVar("T")
R = TypeVar("R")

IN_FLIGHT_PER_WORKER: Final = 24
HELD_BYTES: Final = 256_000_000
"""Results that wait for the caller may take this much memory before no more items are handed out."""


@final
class WorkerPool:
    """A fixed number of worker processes; use it as a context manager.

    ``peak_worker_bytes`` is the most resident memory that any worker has reported.
    """

    def __init__(self, *, workers: int | None = None, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._num_workers = workers or max(1, len(os.sched_getaffinity(0)))
        self._foreman: Foreman | None = None
        self._outbox: SimpleQueue[Finished | CommonspaceError] = SimpleQueue()
        self._held_bytes = 0
        self._lock = threading.Lock()
        self._mapping = False
        self.peak_worker_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every worker; items in flight are lost."""
        if self._foreman is not None:
            self._foreman.stop()
            self._foreman, self._outbox, self._held_bytes = None, SimpleQueue(), 0

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R | ItemError]]:
        """Each item with its result, or with the one error that says why there is none, as they complete.

        ``items`` is consumed lazily in the caller's thread, a bounded number ahead. ``function`` must be
        importable by name (or a ``functools.partial`` of one that is). Workers start with the first ``map`` and
        are kept for the next; leaving an iteration early ends them.

        Raises:
            UsageError: another ``map`` of this pool is still running.
            CommonspaceError: workers cannot start, or cannot load the function.
        """
        if self._mapping:
            raise UsageError("This pool is already mapping.", fix="Finish or close the first map, or use two pools.")
        self._mapping = True
        try:
            if self._foreman is None:
                self._foreman = Foreman(
                    function, self._num_workers, self._limits, deliver=self._keep, fail=self._outbox.put
                )
            else:
                self._foreman.change(function)
            yield from self._pump(self._foreman, items)
        except BaseException:
            self.close()
            raise
        finally:
            self._mapping = False

    def _pump(self, foreman: Foreman, items: Iterable[T]) -> Iterator[tuple[T, Any]]:
        """Keep the foreman supplied and hand on what it finishes."""
        waiting: dict[int, T] = {}
        supply = enumerate(items)
        exhausted = False
        while True:
            while not exhausted and self._wants(len(waiting)):
                upcoming = next(supply, None)
                if upcoming is None:
                    exhausted = True
                else:
                    waiting[upcoming[0]] = upcoming[1]
                    foreman.submit(*upcoming)
            if not waiting:
                return
            finished = self._collect()
            self.peak_worker_bytes = max(self.peak_worker_bytes, finished.peak_bytes)
            yield waiting.pop(finished.ticket), finished.outcome

    def _wants(self, num_waiting: int) -> bool:
        """Whether another item may be handed in."""
        return num_waiting < IN_FLIGHT_PER_WORKER * self._num_workers and self._held_bytes < HELD_BYTES

    def _keep(self, finished: Finished) -> None:
        """Hold a result until the caller asks for it."""
        with self._lock:
            self._held_bytes += finished.num_bytes
        self._outbox.put(finished)

    def _collect(self) -> Finished:
        """The next finished item; waits for it."""
        finished = self._outbox.get()
        if isinstance(finished, CommonspaceError):
            raise finished
        with self._lock:
            self._held_bytes -= finished.num_bytes
        return finished
