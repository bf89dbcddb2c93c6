"""One item on its way through the engine, whoever waits for it; the same item asked for twice is computed once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import CommonspaceError
from commonspace.encode.embedder import pooled
from commonspace.encode.prepare import Prepared
from commonspace.ingest.source import Source
from commonspace.serve.answer import Answer, Timing, is_truncated, usage_of
from commonspace.serve.terms import Urgency

__all__ = ["Outcome", "Work", "outcomes"]

Outcome = Answer | CommonspaceError


@final
class Work:
    """From a source to one outcome, which all who joined get. The last to leave has it dropped where it stands."""

    def __init__(
        self, key: bytes, source: Source, urgency: Urgency, due: float, finished: Callable[["Work"], None]
    ) -> None:
        self.key = key
        self.source = source
        self.urgency = urgency
        self.due = due
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.prepared: Prepared | None = None
        self.decode_seconds = 0.0
        self._finished = finished
        self._num_waiting = 0
        self._rows = np.empty((0, 0), dtype=np.float32)
        self._num_left = 0
        self._queue_seconds = self._inference_seconds = 0.0

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for it."""
        return self._num_waiting > 0 and not self.outcome.done()

    def join(self) -> None:
        """One more waits for it."""
        self._num_waiting += 1

    def leave(self) -> None:
        """One fewer waits for it."""
        self._num_waiting -= 1
        if self._num_waiting == 0 and not self.outcome.done():
            self.outcome.cancel()
            self._finished(self)

    def expect(self, prepared: Prepared, dimension: int) -> None:
        """Decoded: so many rows will come."""
        self.prepared = prepared
        self._num_left = len(prepared.pieces)
        self._rows = np.empty((self._num_left, dimension), dtype=np.float32)

    def receive(self, place: int, row: NDArray[np.float32], queue_seconds: float, inference_seconds: float) -> None:
        """Take in the vector of the piece at this place; the last one makes the answer."""
        if self.outcome.done() or self.prepared is None:
            return
        self._rows[place] = row
        self._num_left -= 1
        self._queue_seconds = max(self._queue_seconds, queue_seconds)
        self._inference_seconds += inference_seconds
        if self._num_left == 0:
            self._answer(self.prepared)

    def fail(self, error: Exception) -> None:
        """There will be no answer, for everybody who waits."""
        if not self.outcome.done():
            self.outcome.set_result(
                error
                if isinstance(error, CommonspaceError)
                else CommonspaceError("The item could not be embedded.", fix="Please report it.")
            )
            self._finished(self)

    def _answer(self, prepared: Prepared) -> None:
        vector = pooled(self._rows, [piece.modality for piece in prepared.pieces])
        answer = Answer(
            vector=vector,
            modality=prepared.modality,
            notes=prepared.notes,
            truncated=is_truncated(prepared.notes),
            usage=usage_of(prepared),
            metadata=prepared.metadata,
            timing=Timing(
                decode_seconds=self.decode_seconds,
                queue_seconds=self._queue_seconds,
                inference_seconds=self._inference_seconds,
            ),
            compute_seconds=self.decode_seconds + self._inference_seconds,
        )
        self.outcome.set_result(answer)
        self._finished(self)


def outcomes(works: Sequence[Work]) -> Awaitable[object]:
    """What waits until all of some works are over, and leaves them as they are when it is given up."""
    return asyncio.shield(works[0].outcome) if len(works) == 1 else asyncio.wait({work.outcome for work in works})
