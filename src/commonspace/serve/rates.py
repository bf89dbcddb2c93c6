"""Token buckets in milliseconds of compute: an estimate is taken before the work, the true cost settled after it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from types import TracebackType
from typing import Final, Self, final

from commonspace.core.errors import RateLimited, Refusal
from commonspace.serve.access import Caller
from commonspace.serve.groups import Rates

__all__ = ["Buckets", "Reservation", "Standing"]

MAX_BUCKETS: Final = 10_000
ROUNDING_MILLISECONDS: Final = 1e-6


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How full a bucket is: what it holds, what is left (never below zero here), and seconds until it is full."""

    limit_milliseconds: float
    remaining_milliseconds: float
    reset_seconds: float

    def headers(self) -> Mapping[str, str]:
        """The same as headers; all three in whole milliseconds."""
        return {
            "x-ratelimit-limit-compute-ms": str(int(self.limit_milliseconds)),
            "x-ratelimit-remaining-compute-ms": str(int(self.remaining_milliseconds)),
            "x-ratelimit-reset-compute-ms": str(ceil(self.reset_seconds * 1000)),
        }


@dataclass(slots=True)
class _Bucket:
    rates: Rates
    level: float
    filled: float

    @property
    def size(self) -> float:
        return self.rates.compute_milliseconds * self.rates.burst_seconds

    def refill(self, now: float) -> None:
        self.level = min(self.size, self.level + (now - self.filled) * self.rates.compute_milliseconds)
        self.filled = now


@final
class Reservation:
    """Compute that was taken in advance. In a ``with`` it is settled at the latest when that ends.

    Left without a settlement, the estimate stands, for the work may have been done; but a ``Refusal`` costs nothing.
    """

    def __init__(self, settle: Callable[[float], None], estimate_milliseconds: float) -> None:
        self._settle = settle
        self._estimate = estimate_milliseconds
        self._settled = False

    def settle(self, milliseconds: float) -> None:
        """Replace the estimate by what the work did cost; only the first settlement counts."""
        if not self._settled:
            self._settled = True
            self._settle(max(milliseconds, 0.0) - self._estimate)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settle(0.0 if isinstance(error, Refusal) else self._estimate)


@final
class Buckets:
    """One bucket a line of keys, filled at the key's own rate or the usual one; callers without a limit have none.

    A bucket that is not overdrawn lets any request through, and the next waits until it has paid for it: so the time
    to wait that a refusal tells is true for whatever comes next.

    Their number is bounded: beyond it the one unused for longest goes, which by then is most likely full.
    """

    def __init__(self, usual: Rates, clock: Callable[[], float], max_buckets: int = MAX_BUCKETS) -> None:
        self._usual = usual
        self._clock = clock
        self._max_buckets = max_buckets
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, caller: Caller) -> None:
        """Whether the caller may ask for anything now.

        Raises:
            RateLimited: its bucket is overdrawn; says how long until it is not, whatever is asked for then.
        """
        with self._lock:
            _check(self._bucket(caller))

    def reserve(self, caller: Caller, milliseconds: float) -> Reservation:
        """Take an estimate out of the caller's bucket, which may overdraw it once.

        Raises:
            RateLimited: it is overdrawn; says how long until it is not.
        """
        with self._lock:
            bucket = self._bucket(caller)
            _check(bucket)
            if bucket is None:
                return Reservation(lambda _: None, milliseconds)
            bucket.level -= milliseconds

        def settle(difference: float) -> None:
            with self._lock:
                bucket.refill(self._clock())
                bucket.level = min(bucket.size, bucket.level - difference)

        return Reservation(settle, milliseconds)

    def standing(self, caller: Caller) -> Standing | None:
        """How full the caller's bucket is; None without a limit."""
        with self._lock:
            bucket = self._bucket(caller)
            if bucket is None:
                return None
            return Standing(
                limit_milliseconds=bucket.size,
                remaining_milliseconds=max(0.0, bucket.level),
                reset_seconds=(bucket.size - bucket.level) / bucket.rates.compute_milliseconds,
            )

    def __len__(self) -> int:
        return len(self._buckets)

    def _bucket(self, caller: Caller) -> _Bucket | None:
        """The caller's bucket, filled up to now."""
        rates = caller.rates or self._usual
        if caller.key_id is None or not min(rates.compute_milliseconds, rates.burst_seconds) > 0:
            return None
        now, line = self._clock(), caller.line or caller.key_id
        bucket = self._buckets.get(line)
        if bucket is None or bucket.rates != rates:
            size = rates.compute_milliseconds * rates.burst_seconds
            bucket = self._buckets[line] = _Bucket(rates=rates, level=size, filled=now)
            if len(self._buckets) > self._max_buckets:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(line)
        bucket.refill(now)
        return bucket


def _check(bucket: _Bucket | None) -> None:
    if bucket is None or bucket.level >= -ROUNDING_MILLISECONDS:
        return
    rate = bucket.rates.compute_milliseconds
    raise RateLimited(
        f"The key's {rate:g} ms of compute a second are used up.",
        fix="Send it again after the time in Retry-After, or ask the operator for a higher rate.",
        retry_after_seconds=-bucket.level / rate,
    )
