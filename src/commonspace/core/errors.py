"""Every error that commonspace raises on purpose.

    CommonspaceError
    |-- ItemError               one input is at fault; the others go on
    |-- UnsupportedModality     the space has no tower for this kind of input
    |-- SpaceMismatch           vectors of one space offered to a store of another
    |-- ModelError              a space's files are missing, changed or unreadable
    |-- StoreError              a store cannot be opened, read or written
    |   |-- StoreNotFound       there is no store at this path
    |   |-- StoreBusy           another process is writing to it
    |   `-- CorruptStore        its files contradict themselves
    |-- MissingExtra            an optional dependency is not installed
    |-- UsageError              the call itself makes no sense (bad k, empty query)
    `-- Refusal                 a service declines a request, before or while working on it
        |-- Unauthenticated     no key, or one that is unknown, expired or revoked
        |-- Forbidden           the key does not cover this
        |-- NotFound            no such store, item or job for this tenant
        |-- Conflict            it exists already, or is in a state that does not allow this
        |-- TooLarge            the request as a whole is over a limit
        |-- Overloaded          it cannot be done in time now; says when to come again
        |-- RateLimited         the key has used up its compute; says when to come again
        |-- DeadlineMissed      the time that the request allowed is over
        |-- Unavailable         the service is starting, draining or unhealthy
        `-- ClientGone          whoever asked has gone, and nobody is left to answer

Each carries a ``code`` for programs, the ``cause`` in plain words and the ``fix``: what to do next.
"""

from typing import ClassVar, final

__all__ = [
    "ClientGone",
    "CommonspaceError",
    "Conflict",
    "CorruptStore",
    "DeadlineMissed",
    "Forbidden",
    "ItemError",
    "MissingExtra",
    "ModelError",
    "NotFound",
    "Overloaded",
    "RateLimited",
    "Refusal",
    "SpaceMismatch",
    "StoreBusy",
    "StoreError",
    "StoreNotFound",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "UnsupportedModality",
    "UsageError",
]


class CommonspaceError(Exception):
    """The root: a code, what happened, and what to do next."""

    code: ClassVar[str] = "error"

    def __init__(self, cause: str, *, fix: str) -> None:
        super().__init__(f"{cause} {fix}".strip())
        self.cause = cause
        self.fix = fix


@final
class ItemError(CommonspaceError):
    """One input is at fault (corrupt, empty, too large, of no known type); its neighbours go on.

    ``item_code`` is one of the codes in ``commonspace.ingest.limits.ITEM_CODES``.
    """

    code: ClassVar[str] = "item"

    def __init__(self, item_code: str, cause: str, *, fix: str) -> None:
        super().__init__(cause, fix=fix)
        self.item_code = item_code

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_item_error, (self.item_code, self.cause, self.fix)


def _rebuild_item_error(item_code: str, cause: str, fix: str) -> ItemError:
    """Unpickling needs one positional call: worker processes send these errors home."""
    return ItemError(item_code, cause, fix=fix)


@final
class UnsupportedModality(CommonspaceError):
    """The space has no tower for this kind of input."""

    code: ClassVar[str] = "unsupported_modality"


@final
class SpaceMismatch(CommonspaceError):
    """Vectors of one space were offered to a store that holds another's."""

    code: ClassVar[str] = "space_mismatch"


@final
class ModelError(CommonspaceError):
    """A space's files are missing, do not match their manifest, or cannot be read."""

    code: ClassVar[str] = "model"


class StoreError(CommonspaceError):
    """A store cannot be opened, read or written."""

    code: ClassVar[str] = "store"


@final
class StoreNotFound(StoreError):
    """There is no store at this path."""

    code: ClassVar[str] = "store_not_found"


@final
class StoreBusy(StoreError):
    """Another process holds the store's writing lock."""

    code: ClassVar[str] = "store_busy"


@final
class CorruptStore(StoreError):
    """The store's files contradict themselves or cannot be read."""

    code: ClassVar[str] = "corrupt_store"


@final
class MissingExtra(CommonspaceError):
    """An optional dependency is not installed; the fix holds the exact install line."""

    code: ClassVar[str] = "missing_extra"


@final
class UsageError(CommonspaceError):
    """The call makes no sense as it stands (k below one, an empty query, a bad weight)."""

    code: ClassVar[str] = "usage"


class Refusal(CommonspaceError):
    """A service declines a request; ``retry_after_seconds`` says when it may be worth another try, if ever."""

    code: ClassVar[str] = "refused"

    def __init__(self, cause: str, *, fix: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(cause, fix=fix)
        self.retry_after_seconds = retry_after_seconds


@final
class Unauthenticated(Refusal):
    """No key was given, or one that is unknown, expired or revoked."""

    code: ClassVar[str] = "unauthenticated"


@final
class Forbidden(Refusal):
    """The key is good, but does not cover this."""

    code: ClassVar[str] = "forbidden"


@final
class NotFound(Refusal):
    """There is no such store, item or job, or it belongs to another tenant."""

    code: ClassVar[str] = "not_found"


@final
class Conflict(Refusal):
    """It exists already, or is in a state that does not allow this."""

    code: ClassVar[str] = "conflict"


@final
class TooLarge(Refusal):
    """The request as a whole has more bytes or items than a request may have."""

    code: ClassVar[str] = "request_too_large"


@final
class Overloaded(Refusal):
    """There is more to do than can be done in the time that the request allows."""

    code: ClassVar[str] = "overloaded"


@final
class RateLimited(Refusal):
    """The key has used up the compute that it may use for now."""

    code: ClassVar[str] = "rate_limited"


@final
class DeadlineMissed(Refusal):
    """The time that the request allowed went by before it was done."""

    code: ClassVar[str] = "deadline_missed"


@final
class Unavailable(Refusal):
    """The service is starting, draining or unhealthy."""

    code: ClassVar[str] = "unavailable"


@final
class ClientGone(Refusal):
    """Whoever asked has gone; what was being done for nobody else is dropped."""

    code: ClassVar[str] = "client_gone"
