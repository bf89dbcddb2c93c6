"""When a request that failed is worth another try, and how long to wait before it: full jitter, and never forever."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import final

from commonspace.shell.client.message import Broken, Call, Loss, Outcome

__all__ = ["Patience", "retry_after_seconds"]

TRY_AGAIN = frozenset({429, 503})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often, and with what pauses, a request is tried again after its first try.

    The pause before the n-th retry is drawn evenly from 0 to ``first_pause_seconds * 2**(n - 1)``, at most
    ``longest_pause_seconds`` (full jitter: Brooker 2015). A time that the service names is waited for in full, and the
    draw comes on top, so that clients that were refused together do not come back together.
    """

    retries: int = 4
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 5.0

    def pause(self, call: Call, outcome: Outcome, retry: int, draw: float) -> float | None:
        """Seconds to wait before retry number ``retry`` (from one); None when there is no use in one.

        ``draw`` is a random number from 0 to 1.
        """
        if retry > self.retries or not _worth_it(call, outcome):
            return None
        jitter: float = draw * min(self.longest_pause_seconds, self.first_pause_seconds * 2 ** (retry - 1))
        if isinstance(outcome, Broken):
            return jitter
        return jitter + (retry_after_seconds(outcome.headers) or 0.0)


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """When the service says to come again: ``retry-after-ms``, else ``Retry-After`` in seconds or as a date."""
    in_milliseconds = _number(headers.get("retry-after-ms"))
    if in_milliseconds is not None:
        return in_milliseconds / 1000
    named = headers.get("retry-after")
    in_seconds = _number(named)
    if named is None or in_seconds is not None:
        return in_seconds
    try:
        date = parsedate_to_datetime(named)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def _worth_it(call: Call, outcome: Outcome) -> bool:
    if not isinstance(outcome, Broken):
        return outcome.status in TRY_AGAIN
    return outcome.loss is Loss.NOT_SENT or (outcome.loss is Loss.NOT_ANSWERED and call.repeatable)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if isfinite(number) and number >= 0 else None
