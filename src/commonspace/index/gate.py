"""Many threads may look at once; a change waits until nobody looks, and then has the place to itself."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Condition
from types import TracebackType
from typing import final

__all__ = ["Gate"]


@final
class _Looking:
    """Look from entering to leaving; has no state of its own, so one serves every thread."""

    def __init__(self, gate: "Gate") -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._gate.look()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.look_away()


@final
class Gate:
    """A lock with two ways in; whoever wants to change something goes before newcomers who only look."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._num_looking = 0
        self._num_waiting = 0
        self._changing = False
        self._looking = _Looking(self)

    def looking(self) -> AbstractContextManager[None]:
        """Hold off changes. Not to be nested: a change may be waiting in between."""
        return self._looking

    def look(self) -> None:
        """Begin to look; ``look_away`` is due."""
        with self._condition:
            while self._changing or self._num_waiting:
                self._condition.wait()
            self._num_looking += 1

    def look_away(self) -> None:
        """Look no longer."""
        with self._condition:
            self._num_looking -= 1
            if self._num_waiting and not self._num_looking:
                self._condition.notify_all()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold off everybody."""
        with self._condition:
            self._num_waiting += 1
            try:
                self._condition.wait_for(lambda: not self._changing and not self._num_looking)
                self._changing = True
            finally:
                self._num_waiting -= 1
                if not self._changing:
                    self._condition.notify_all()
        try:
            yield
        finally:
            with self._condition:
                self._changing = False
                self._condition.notify_all()
