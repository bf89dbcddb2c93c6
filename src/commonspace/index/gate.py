"""Many threads may look at once; a change waits until nobody looks, and then has the place to itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import final

__all__ = ["Gate"]


@final
class Gate:
    """A lock with two ways in; whoever wants to change something goes before newcomers who only look."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._looking = 0
        self._waiting = 0
        self._changing = False

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Hold off changes. Not to be nested: a change may be waiting in between."""
        with self._condition:
            self._condition.wait_for(lambda: not self._changing and not self._waiting)
            self._looking += 1
        try:
            yield
        finally:
            with self._condition:
                self._looking -= 1
                self._condition.notify_all()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold off everybody."""
        with self._condition:
            self._waiting += 1
            try:
                self._condition.wait_for(lambda: not self._changing and not self._looking)
                self._changing = True
            finally:
                self._waiting -= 1
        try:
            yield
        finally:
            with self._condition:
                self._changing = False
                self._condition.notify_all()
