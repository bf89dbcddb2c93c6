"""What a request asks of the service besides its content: how urgent it is, until when, and for whom."""

from dataclasses import dataclass
from enum import StrEnum
from typing import final

__all__ = ["LOCAL_TENANT", "Terms", "Urgency"]

LOCAL_TENANT = "local"
"""Whose things they are where no keys are asked for."""


@final
class Urgency(StrEnum):
    """Somebody waits for an interactive request; bulk takes what is left, and is shed first."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """``deadline`` is on the clock of ``time.monotonic``; None leaves it to the objective of what is asked for."""

    urgency: Urgency = Urgency.INTERACTIVE
    deadline: float | None = None
    tenant: str = LOCAL_TENANT
