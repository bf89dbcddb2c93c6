"""Worker processes as their pool sees them: started, given one item at a time, watched, ended."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final, final

from commonspace.core.errors import CommonspaceError, ItemError
from commonspace.ingest.limits import Limits
from commonspace.ingest.shared_buffers import receive_buffers
from commonspace.ingest.worker import BEAT, DONE, FUNCTION, ITEM, READY, SHARED, UNFIT

__all__ = ["Finished", "Member"]

START_SECONDS: Final = 60.0
ITEMS_PER_WORKER: Final = 2000
MAX_GRACES: Final = 3
FAIR_SHARE: Final = 0.5
ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SCRIPT: Final = "import sys; from commonspace.ingest.worker import serve; serve({fd}, {worker_bytes}, {longest})"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finished:
    """One ticket's outcome, and how much memory its worker had used at most by then."""

    ticket: int
    outcome: Any
    num_bytes: int
    peak_bytes: int


@final
class Member:
    """One worker process and the item it is busy with."""

    def __init__(self, function: Callable[[Any], Any], limits: Limits) -> None:
        self._limits = limits
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    SCRIPT.format(fd=theirs.fileno(), worker_bytes=limits.worker_bytes, longest=limits.longest_seconds),
                ],
                pass_fds=(theirs.fileno(),),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        self.connection = Connection(ours.detach())
        self.ready = False
        self.started = False
        self.planned = False
        self.served = 0
        self.ticket: int | None = None
        self._shared: list[memoryview] = []
        self._hard_deadline = self.deadline = float("inf")
        self._processor_start = 0.0
        self._graces = 0
        self.load(function)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def idle(self) -> bool:
        """Whether it can take an item now."""
        return self.ready and self.ticket is None

    @property
    def worn(self) -> bool:
        """Whether it has served long enough to be replaced while idle."""
        return self.served >= ITEMS_PER_WORKER

    def load(self, function: Callable[[Any], Any]) -> None:
        """Send the function that the next items are for; it is ready when it says so."""
        self.ready = False
        self.deadline = time.monotonic() + START_SECONDS
        self.connection.send((FUNCTION, function))

    def give(self, ticket: int, item: object) -> None:
        """Hand over one item; its time starts now."""
        self.ticket = ticket
        now = time.monotonic()
        self.deadline = now + self._limits.item_seconds
        self._hard_deadline = now + self._limits.longest_seconds
        self._processor_start = self._processor_seconds()
        self._graces = MAX_GRACES
        self.connection.send((ITEM, ticket, item))

    def starved(self) -> bool:
        """Whether the item at its deadline hardly got a processor; if so it gets the same time again, a few times.

        A busy machine must not make good files fail, and a decoder that spins does use its processor.
        """
        if self.ticket is None or self._graces == 0 or self.deadline >= self._hard_deadline:
            return False
        used = self._processor_seconds() - self._processor_start
        if used >= self._limits.item_seconds * FAIR_SHARE:
            return False
        self._graces -= 1
        self.deadline = min(time.monotonic() + self._limits.item_seconds, self._hard_deadline)
        return True

    def hear(self) -> Finished | None:
        """Read one message; ``None`` where it only said that it is ready or alive.

        Raises:
            EOFError, OSError: the process is gone.
            CommonspaceError: the function or an item cannot be loaded in another process.
        """
        data = self.connection.recv_bytes()
        kind, *rest = ForkingPickler.loads(data, buffers=self._shared)
        if kind == DONE:
            ticket, outcome, peak_bytes = rest
            self.ticket = None
            self.deadline = float("inf")
            self.served += 1
            if isinstance(outcome, ItemError) and outcome.item_code == "out_of_memory":
                self.served = ITEMS_PER_WORKER
            num_bytes = len(data) + sum(len(view) for view in self._shared)
            self._shared = []
            return Finished(ticket=ticket, outcome=outcome, num_bytes=num_bytes, peak_bytes=peak_bytes)
        if kind == SHARED:
            self._shared = receive_buffers(self.connection, rest[0])
        if kind == READY:
            self.ready = self.started = True
            self.deadline = float("inf")
        elif kind == BEAT:
            self.deadline = min(time.monotonic() + self._limits.item_seconds, self._hard_deadline)
        elif kind == UNFIT:
            raise CommonspaceError(
                f"A decode worker cannot load what it was given ({rest[0]}).",
                fix="Use functions and values from importable modules, not from __main__.",
            )
        return None

    def verdict(self) -> ItemError:
        """What to say about the item during which the process died."""
        self._process.wait()
        code = self._process.returncode
        words = f"ended by signal {-code}" if code < 0 else f"exit status {code}"
        return ItemError(
            "decoder_died",
            f"The decoder crashed on this item ({words}) and was replaced.",
            fix="The file is probably damaged: copy it again, or convert it to another format.",
        )

    def overdue(self) -> ItemError:
        """What to say about the item that took too long."""
        if self.deadline >= self._hard_deadline:
            cause = f"Decoding did not finish within {self._limits.longest_seconds:g} s."
        else:
            cause = f"Decoding showed no progress for {self._limits.item_seconds:g} s."
        return ItemError("timeout", cause, fix="The file may be damaged; split or convert it, or raise the limit.")

    def _processor_seconds(self) -> float:
        """Processor time of the process so far; Linux numbers each process's clock like this."""
        try:
            return time.clock_gettime((~self._process.pid << 3) | 2)
        except OSError:
            return 0.0

    def end(self) -> None:
        """Kill the process and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self.connection.close()


def _environment() -> dict[str, str]:
    """The parent's environment and import path, with one thread for numerical libraries."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
    return {**os.environ, **dict.fromkeys(ONE_THREAD, "1"), "PYTHONPATH": path, "MALLOC_ARENA_MAX": "2"}
