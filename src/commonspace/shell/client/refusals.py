"""An answer that is no success becomes the error of the house that it stands for, by its code."""

from collections.abc import Mapping
from typing import Any

from commonspace.core import errors
from commonspace.core.errors import (
    CommonspaceError,
    DeadlineMissed,
    Forbidden,
    ItemError,
    NotFound,
    Overloaded,
    Refusal,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UsageError,
)
from commonspace.ingest.limits import ITEM_CODES
from commonspace.shell.client.message import Broken, Loss, Outcome, Reply
from commonspace.shell.client.patience import retry_after_seconds

__all__ = ["error_of", "item_error"]

KINDS: Mapping[str, type[CommonspaceError]] = {
    kind.code: kind for name in errors.__all__ if (kind := getattr(errors, name)) is not ItemError
}
BY_STATUS: Mapping[int, type[CommonspaceError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
    429: Overloaded,
    504: DeadlineMissed,
}
WORDS_SHOWN = 200


def error_of(outcome: Outcome, url: str) -> CommonspaceError:
    """The error that an answer (or none) amounts to, with the request's id as a note where the service gave one."""
    if isinstance(outcome, Broken):
        return _broken(outcome, url)
    document = outcome.document()
    told = document.get("error") if isinstance(document, Mapping) else None
    if not isinstance(told, Mapping):
        return _bare(outcome, url)
    error = _told(told, outcome)
    if told.get("request_id"):
        error.add_note(f"request id: {told['request_id']}")
    return error


def item_error(told: Mapping[str, Any]) -> ItemError:
    """The error of one item of many, as the service tells it."""
    return ItemError(str(told.get("code", "corrupt")), str(told.get("message", "")), fix=str(told.get("fix") or ""))


def _told(told: Mapping[str, Any], reply: Reply) -> CommonspaceError:
    code, message, fix = (str(told.get(name) or "") for name in ("code", "message", "fix"))
    cause = message.removesuffix(fix).rstrip()
    if code in ITEM_CODES:
        return ItemError(code, cause, fix=fix)
    return _made(KINDS.get(code) or _by_status(reply.status), cause, fix, reply)


def _bare(reply: Reply, url: str) -> CommonspaceError:
    """What something in between (a proxy, another server) answered, in its own words."""
    words = " ".join(reply.body[:WORDS_SHOWN].decode("utf-8", "replace").split())
    cause = f"{url} answered with status {reply.status}{': ' + words if words else ''}."
    return _made(_by_status(reply.status), cause, "Check that this is the address of a commonspace service.", reply)


def _made(kind: type[CommonspaceError], cause: str, fix: str, reply: Reply) -> CommonspaceError:
    if issubclass(kind, Refusal):
        return kind(cause, fix=fix, retry_after_seconds=retry_after_seconds(reply.headers))
    return kind(cause, fix=fix)


def _by_status(status: int) -> type[CommonspaceError]:
    return BY_STATUS.get(status) or (UsageError if 400 <= status < 500 else Unavailable)


def _broken(broken: Broken, url: str) -> CommonspaceError:
    if broken.loss is Loss.TIMED_OUT:
        return DeadlineMissed(
            f"{url} did not answer in time.", fix="Allow more time (`timeout`), or send less at once."
        )
    return Unavailable(
        f"No answer from {url}: {broken.words}.", fix="Start the service (`commonspace serve`), or correct the url."
    )
