"""A tower for work in the background: what it is asked goes through the engine's queue, in the bulk class."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.tower import Features, Preparation, Tower
from commonspace.serve.floor import Floor
from commonspace.serve.terms import Urgency

__all__ = ["BackgroundQueue", "Handful", "LaneTower"]


@final
class Handful:
    """Several pieces that a thread waits for together."""

    wanted = True

    def __init__(self, count: int, dimension: int) -> None:
        self._rows = np.empty((count, dimension), dtype=np.float32)
        self._num_left = count
        self._error: Exception | None = None
        self._done = threading.Event()
        if count == 0:
            self._done.set()

    def receive(self, place: int, row: NDArray[np.float32], queue_seconds: float, inference_seconds: float) -> None:  # noqa: ARG002  # nobody asks a thread how long it waited
        """Take in one vector."""
        self._rows[place] = row
        self._num_left -= 1
        if self._num_left == 0:
            self._done.set()

    def fail(self, error: Exception) -> None:
        """One piece failed, and with it the handful."""
        self._error = error
        self._done.set()

    def wait(self) -> Vectors:
        """The vectors, in order, once all are there.

        Raises:
            CommonspaceError: a tower failed on one.
        """
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._rows


@final
class BackgroundQueue:
    """Puts pieces from other threads into the queues of a floor, in the bulk class."""

    def __init__(self, floor: Floor, loop: asyncio.AbstractEventLoop, dimension: int, bulk_seconds: float) -> None:
        self._floor = floor
        self._loop = loop
        self._dimension = dimension
        self._bulk_seconds = bulk_seconds

    def tower(self, modality: Modality) -> "LaneTower":
        """The tower of a modality, behind its queue."""
        return LaneTower(self._floor.lanes[modality].tower, self._run)

    def _run(self, modality: Modality, batch: Sequence[Features]) -> Vectors:
        handful = Handful(len(batch), self._dimension)
        self._loop.call_soon_threadsafe(self._queue, modality, list(batch), handful)
        return handful.wait()

    def _queue(self, modality: Modality, batch: Sequence[Features], handful: Handful) -> None:
        lane, now = self._floor.lanes[modality], time.monotonic()
        due = now + self._bulk_seconds
        lane.put(
            lane.ticket(handful, place, features, due=due, urgency=Urgency.BULK, queued_at=now)
            for place, features in enumerate(batch)
        )
        self._floor.wake()


@final
class LaneTower:
    """As the tower behind it; calls block, and must not come from the event loop."""

    def __init__(self, tower: Tower, run: Callable[[Modality, Sequence[Features]], Vectors]) -> None:
        self._tower = tower
        self._run = run

    @property
    def modality(self) -> Modality:
        """What it encodes."""
        return self._tower.modality

    @property
    def prepare(self) -> Preparation:
        """What its content goes through first."""
        return self._tower.prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode features to unit vectors, one row each, in order."""
        return self._run(self.modality, batch)
