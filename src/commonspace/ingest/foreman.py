"""One thread that owns worker processes: hands out items, hears results, replaces the dead and the hung."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any, Final, final

from commonspace.core.errors import CommonspaceError, ItemError
from commonspace.ingest.crew import Finished, Member
from commonspace.ingest.limits import Limits

__all__ = ["Foreman"]

FAILED_STARTS: Final = 3


@final
class Foreman:
    """The thread that owns the workers: hands out items, gathers results, replaces the dead and the hung.

    It calls ``deliver`` for each finished item and ``fail`` once, should it have to give up, from its own thread.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        num_workers: int,
        limits: Limits,
        *,
        deliver: Callable[[Finished], None],
        fail: Callable[[CommonspaceError], None],
    ) -> None:
        self._function = function
        self._limits = limits
        self._deliver = deliver
        self._fail = fail
        self._inbox: deque[tuple[int, Any]] = deque()
        self._stopping = False
        self._pending: Callable[[Any], Any] | None = None
        self._failed_starts = 0
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        self._wake_read, self._wake_write = Connection(wake_read, writable=False), wake_write
        self._crew = [Member(function, limits) for _ in range(num_workers)]
        self._thread = threading.Thread(target=self._work, name="commonspace-pool", daemon=True)
        self._thread.start()

    @property
    def num_ready(self) -> int:
        """How many workers have started and are alive; those that replace a dead one count once they are ready.

        One that replaces a worn one counts at once: that happens every few thousand items, and nothing is wrong.
        """
        return sum(member.started or member.planned for member in self._crew)

    @property
    def pids(self) -> tuple[int, ...]:
        """The workers' process ids."""
        return tuple(member.pid for member in self._crew)

    def change(self, function: Callable[[Any], Any]) -> None:
        """Use another function from now on; only while nothing is in flight."""
        self._pending = function
        self._wake()

    def submit(self, ticket: int, item: object) -> None:
        """Queue one item."""
        self._inbox.append((ticket, item))
        self._wake()

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
            self._fail(error)
        except Exception as error:  # noqa: BLE001  # a dead thread would leave the caller waiting for ever
            self._fail(CommonspaceError(f"The worker pool failed: {error}.", fix="Please report it."))
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
                self._crew[index].planned = True
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
