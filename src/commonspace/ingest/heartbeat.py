"""Long decodings say that they still make progress; who listens is not their business."""

from collections.abc import Callable
from contextvars import ContextVar

__all__ = ["LISTENER", "beat"]

LISTENER: ContextVar[Callable[[], None] | None] = ContextVar("LISTENER", default=None)


def beat() -> None:
    """Report progress to whoever set ``LISTENER``; a decode worker tells its pool."""
    listener = LISTENER.get()
    if listener is not None:
        listener()
