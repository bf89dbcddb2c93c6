"""Runs a function on many items in fenced processes; a bad item costs itself, never the run.

A thread moves items and results, so that workers stay busy while the caller computes, and a hung worker is
ended on time even if the caller never asks.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Self, TypeVar, final

from commonspace.core.errors import CommonspaceError, ItemError, UsageError
from commonspace.ingest.crew import Finished, Member
from commonspace.ingest.limits import Limits

__all__ = ["WorkerPool"]

T = TypeVar("T")
R = TypeVar("R")

IN_FLIGHT_PER_WORKER: Final = 24
HELD_BYTES: Final = 256_000_000
"""Results that wait for the caller may take this much memory before no more items are handed out."""
FAILED_STARTS: Final = 3


@final
class WorkerPool:
    """A fixed number of worker processes; use it as a context manager.

    ``peak_worker_bytes`` is the most resident memory that any worker has reported.
    """

    def __init__(self, *, workers: int | None = None, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._num_workers = workers or max(1, len(os.sched_getaffinity(0)))
        self._foreman: _Foreman | None = None
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
            self._foreman = None

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
                self._foreman = _Foreman(function, self._num_workers, self._limits)
            else:
                self._foreman.change(function)
            yield from self._pump(self._foreman, items)
        except BaseException:
            self.close()
            raise
        finally:
            self._mapping = False

    def _pump(self, foreman: "_Foreman", items: Iterable[T]) -> Iterator[tuple[T, Any]]:
        """Keep the foreman supplied and hand on what it finishes."""
        waiting: dict[int, T] = {}
        supply = enumerate(items)
        exhausted = False
        while True:
            while not exhausted and foreman.wants(len(waiting)):
                upcoming = next(supply, None)
                if upcoming is None:
                    exhausted = True
                else:
                    waiting[upcoming[0]] = upcoming[1]
                    foreman.submit(*upcoming)
            if not waiting:
                return
            finished = foreman.collect()
            self.peak_worker_bytes = max(self.peak_worker_bytes, finished.peak_bytes)
            yield waiting.pop(finished.ticket), finished.outcome


@final
class _Foreman:
    """The thread that owns the workers: hands out items, gathers results, replaces the dead and the hung."""

    def __init__(self, function: Callable[[Any], Any], num_workers: int, limits: Limits) -> None:
        self._function = function
        self._limits = limits
        self._num_workers = num_workers
        self._inbox: deque[tuple[int, Any]] = deque()
        self._outbox: SimpleQueue[Finished | CommonspaceError] = SimpleQueue()
        self._held_bytes = 0
        self._lock = threading.Lock()
        self._stopping = False
        self._pending: Callable[[Any], Any] | None = None
        self._failed_starts = 0
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        self._wake_read, self._wake_write = Connection(wake_read, writable=False), wake_write
        self._crew = [Member(function, limits) for _ in range(num_workers)]
        self._thread = threading.Thread(target=self._work, name="commonspace-pool", daemon=True)
        self._thread.start()

    def wants(self, num_waiting: int) -> bool:
        """Whether another item may be handed in."""
        return num_waiting < IN_FLIGHT_PER_WORKER * self._num_workers and self._held_bytes < HELD_BYTES

    def change(self, function: Callable[[Any], Any]) -> None:
        """Use another function from now on; only while nothing is in flight."""
        self._pending = function
        self._wake()

    def submit(self, ticket: int, item: object) -> None:
        """Queue one item."""
        self._inbox.append((ticket, item))
        self._wake()

    def collect(self) -> Finished:
        """The next finished item; waits for it."""
        finished = self._outbox.get()
        if isinstance(finished, CommonspaceError):
            raise finished
        with self._lock:
            self._held_bytes -= finished.num_bytes
        return finished

    def stop(self) -> None:
        """End the thread and all workers."""
        self._stopping = True
        self._wake()
        self._thread.join()
        self._wake_read.close()
        os.close(self._wake_write)

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:
            return  # the pipe is full of wake-ups already

    def _work(self) -> None:
        try:
            while not self._stopping:
                self._assign()
                self._hear()
                self._reap()
        except CommonspaceError as error:
            self._outbox.put(error)
        except Exception as error:  # noqa: BLE001  # a dead thread would leave the caller waiting for ever
            self._outbox.put(CommonspaceError(f"The worker pool failed: {error}.", fix="Please report it."))
        finally:
            for member in self._crew:
                member.end()

    def _assign(self) -> None:
        """Give every idle worker an item; a worn one is replaced first."""
        if self._pending is not None:
            self._function, self._pending = self._pending, None
            for member in self._crew:
                member.load(self._function)
        for index, member in enumerate(self._crew):
            if not self._inbox:
                return
            if member.idle and member.worn:
                member.end()
                self._crew[index] = Member(self._function, self._limits)
            elif member.idle:
                try:
                    member.give(*self._inbox.popleft())
                except OSError:
                    self._lose(index, member.verdict())

    def _hear(self) -> None:
        """Wait for a message, a submission or a deadline, and deal with what came."""
        by_connection: dict[Any, int] = {member.connection: index for index, member in enumerate(self._crew)}
        nearest = min((member.deadline for member in self._crew), default=float("inf"))
        pause = None if nearest == float("inf") else max(0.0, nearest - time.monotonic())
        for ready in wait([self._wake_read, *by_connection], timeout=pause):
            if ready is self._wake_read:
                os.read(self._wake_read.fileno(), 65_536)
                continue
            index = by_connection[ready]
            try:
                finished = self._crew[index].hear()
            except (EOFError, OSError):
                self._lose(index, self._crew[index].verdict())
                continue
            if finished is not None:
                self._deliver(finished)

    def _reap(self) -> None:
        """End workers whose item took too long."""
        now = time.monotonic()
        for index, member in enumerate(self._crew):
            if now >= member.deadline and not member.starved():
                self._lose(index, member.overdue())

    def _lose(self, index: int, error: ItemError) -> None:
        """Replace a worker; the item it held gets the error.

        Raises:
            CommonspaceError: workers die before they take any item.
        """
        member = self._crew[index]
        member.end()
        if member.ticket is not None:
            self._deliver(Finished(ticket=member.ticket, outcome=error, num_bytes=0, peak_bytes=0))
        elif not member.started:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                raise CommonspaceError(
                    f"Decode workers do not start ({error.cause})",
                    fix="Check that this Python can run a child process with the memory limit of Limits.worker_bytes.",
                )
        self._crew[index] = Member(self._function, self._limits)

    def _deliver(self, finished: Finished) -> None:
        with self._lock:
            self._held_bytes += finished.num_bytes
        self._outbox.put(finished)
