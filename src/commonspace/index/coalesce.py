"""Questions that come while others are being answered are answered together: nobody waits on a clock.

Whoever finds a lane free answers its own question there. What comes while all lanes are taken waits, and as a lane
gets free, one of those waiting takes the lane's share of them. A caller alone pays for one lock.
"""

from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Final, Generic, TypeVar, final

__all__ = ["Coalescer"]

Q = TypeVar("Q")
A = TypeVar("A")


@final
class _Ticket(Generic[Q, A]):
    """The question of one caller who waits; its event is set when there is an answer, or when its caller is to lead."""

    __slots__ = ("answer", "called", "error", "is_done", "question")

    def __init__(self, question: Q) -> None:
        self.question = question
        self.called = Event()
        self.is_done = False
        self.answer: A | None = None
        self.error: BaseException | None = None


@final
class Coalescer(Generic[Q, A]):
    """Hands questions to ``work`` in batches, as many at once as ``num_lanes`` says; ``work`` answers them in order."""

    def __init__(self, work: Callable[[Sequence[Q]], Sequence[A]], num_lanes: Callable[[], int] = lambda: 1) -> None:
        self._work: Final = work
        self._num_lanes: Final = num_lanes
        self._lock = Lock()
        self._waiting: list[_Ticket[Q, A]] = []
        self._num_taken = 0

    @property
    def num_waiting(self) -> int:
        """How many questions are queued."""
        return len(self._waiting)

    def ask(self, question: Q) -> A:
        """The answer to one question; what ``work`` raises is raised in every caller of the batch."""
        with self._lock:
            ticket = _Ticket[Q, A](question) if self._num_taken >= self._num_lanes() else None
            if ticket is None:
                self._num_taken += 1
            else:
                self._waiting.append(ticket)
        if ticket is None:
            return self._alone(question)
        try:
            ticket.called.wait()
        except BaseException:
            self._leave(ticket)
            raise
        if not ticket.is_done:
            self._lead(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer  # type: ignore[return-value]  # done without an error: A itself may be None

    def _alone(self, question: Q) -> A:
        """Answer one question in a lane of its own; those who come meanwhile may wait, and one of them leads next."""
        try:
            (answer,) = self._work([question])
            return answer
        finally:
            with self._lock:
                self._hand_on()

    def _lead(self, own: _Ticket[Q, A]) -> None:
        """Answer the lane's share of what waits, ``own`` included, then let one of those who still wait lead."""
        with self._lock:
            share = len(self._waiting) // self._num_lanes()
            batch, self._waiting = [own, *self._waiting[:share]], self._waiting[share:]
        try:
            answers = self._work([ticket.question for ticket in batch])
            for ticket, answer in zip(batch, answers, strict=True):
                ticket.answer, ticket.is_done = answer, True
        except Exception as error:  # noqa: BLE001  (whatever it is, it is every caller's, and each raises it)
            for ticket in batch:
                ticket.error, ticket.is_done = error, True
        finally:
            with self._lock:
                # What interrupts one thread (Ctrl-C) is not the others': they ask again.
                self._waiting[:0] = [ticket for ticket in batch if not ticket.is_done and ticket is not own]
                for ticket in batch:
                    if ticket.is_done:
                        ticket.called.set()
                self._hand_on()

    def _leave(self, ticket: _Ticket[Q, A]) -> None:
        """A caller that was interrupted while it waited: nobody waits for it to lead."""
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            elif ticket.called.is_set() and not ticket.is_done:
                self._hand_on()

    def _hand_on(self) -> None:
        """Give the lane to the first who waits, or set it free; with the lock held."""
        if self._waiting:
            self._waiting.pop(0).called.set()
        else:
            self._num_taken -= 1
