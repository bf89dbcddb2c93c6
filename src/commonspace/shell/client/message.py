"""What goes to the service and what comes back, as values: nothing here knows how they travel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, final

import orjson

__all__ = ["Broken", "Call", "Loss", "Outcome", "Reply"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. ``repeatable`` says that doing it twice is as good as once, so that it may be sent again.

    ``document`` goes as JSON.
    """

    method: str
    path: str
    document: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the service answered; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        """Whether the service did what it was asked."""
        return 200 <= self.status < 300

    def document(self) -> Any:
        """The body read as JSON; None where it is no JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


@final
class Loss(StrEnum):
    """How far a request without an answer got."""

    NOT_SENT = "not sent"
    NOT_ANSWERED = "not answered"
    TIMED_OUT = "timed out"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """No answer came, and how far the request had got."""

    loss: Loss
    words: str


Outcome = Reply | Broken
