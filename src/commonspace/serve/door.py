"""The door of a full house: most of what would be refused inside is turned away before it costs anything.

Adaptive throttling (Beyer et al., Site Reliability Engineering, 2016, chapter 21), at the server instead of the client:
while requests of a kind are refused inside, about as many pass as were taken in of late, and a few more, so that the
house stays full; the longer none is refused, the more. What waits for the event loop is in no queue that admission
sees, so while the loop is slow to come round some are turned away as well. Knows neither requests nor why they were
refused.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

__all__ = ["Door", "Kind"]

MORE: Final = 1.2
DOUBLE_SECONDS: Final = 0.2
"""In such a time without a refusal inside, twice as many may pass."""
MEMORY_SECONDS: Final = 1.0
FORGOTTEN_SECONDS: Final = 2.0
MOST_TURNED: Final = 0.95
SLOW_ROUND_SECONDS: Final = 0.15
"""A request takes a few rounds of the event loop; rounds of this length are still fine, for bulk half of it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Requests that are taken in or refused for the same reasons: one tenant's, of one route, class and rough size."""

    tenant: str
    route: str
    is_bulk: bool
    size: int


@final
@dataclass(slots=True, kw_only=True, eq=False)
class _Flow:
    """What came of a kind of late; the counts fade with time."""

    came: float = 0.0
    taken: float = 0.0
    debt: float = 0.0
    counted_at: float = 0.0
    refused_at: float = -math.inf

    def count(self, now: float, *, taken: bool) -> None:
        kept = math.exp((self.counted_at - now) / MEMORY_SECONDS)
        self.came, self.taken, self.counted_at = self.came * kept + 1, self.taken * kept + taken, now


@final
class Door:
    """Says who may pass; to be told what became of whoever passed. No two kinds pay for each other."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._flows: dict[Kind, _Flow] = {}
        self._round_seconds, self._round_at = 0.0, -math.inf

    def went_round(self, seconds: float) -> None:
        """The event loop took so long to come round."""
        self._round_seconds, self._round_at = seconds, self._clock()

    def turns_away(self, kind: Kind) -> bool:
        """Whether the next request of a kind is to be refused here; evenly spread over those that come."""
        flow, now = self._flows.setdefault(kind, _Flow()), self._clock()
        fine = SLOW_ROUND_SECONDS / 2 if kind.is_bulk else SLOW_ROUND_SECONDS
        is_slow = self._round_seconds > fine and now - self._round_at < FORGOTTEN_SECONDS
        share = 1.0 - fine / self._round_seconds if is_slow else 0.0
        if now - flow.refused_at < FORGOTTEN_SECONDS:
            more = MORE * 2.0 ** ((now - flow.refused_at) / DOUBLE_SECONDS)
            share = max(share, 1.0 - more * flow.taken / flow.came)
        flow.debt += min(MOST_TURNED, share)
        if flow.debt < 1.0:
            return False
        flow.debt -= 1.0
        flow.count(now, taken=False)
        return True

    def settled(self, kind: Kind, *, refused: bool) -> None:
        """A request that passed is over: it was refused inside for want of room, or not."""
        flow, now = self._flows.setdefault(kind, _Flow()), self._clock()
        flow.count(now, taken=not refused)
        if refused:
            flow.refused_at = now
