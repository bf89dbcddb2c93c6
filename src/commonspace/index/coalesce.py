"""Questions that come while others are being answered are answered together: nobody waits on a clock.

Whoever finds nobody at work becomes the leader and answers what is queued, itself included. What comes meanwhile
waits, and one of those waiting leads next. A caller alone pays for one lock.
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
    """Hands questions to ``work`` in batches; ``work`` answers them in order, and is never run twice at once."""

    def __init__(self, work: Callable[[Sequence[Q]], Sequence[A]]) -> None:
        self._work: Final = work
        self._lock = Lock()
        self._waiting: list[_Ticket[Q, A]] = []
        self._is_led = False

    @property
    def num_waiting(self) -> int:
        """How many questions are queued."""
        return len(self._waiting)

    def ask(self, question: Q) -> A:
        """The answer to one question; what ``work`` raises is raised in every caller of the batch."""
        with self._lock:
            ticket = _Ticket[Q, A](question) if self._is_led else None
            if ticket is not None:
                self._waiting.append(ticket)
            self._is_led = True
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
        """Answer one question while nobody else's is; those who come meanwhile wait, and one of them leads next."""
        try:
            (answer,) = self._work([question])
            return answer
        finally:
            with self._lock:
                self._hand_on()

    def _lead(self, own: _Ticket[Q, A]) -> None:
        """Answer everything that is queued, then let one of those who still wait lead."""
        with self._lock:
            batch, self._waiting = self._waiting, []
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
            if ticket.called.is_set() and not ticket.is_done:
                self._hand_on()

    def _hand_on(self) -> None:
        """Let the first who waits lead; with the lock held."""
        self._is_led = bool(self._waiting)
        if self._is_led:
            self._waiting[0].called.set()
