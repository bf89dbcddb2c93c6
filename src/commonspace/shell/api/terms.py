"""How urgent a request is, and until when it is to be done: from its headers, or from fields of its body."""

import time

from fastapi import Request

from commonspace.core.errors import UsageError
from commonspace.serve.access import Caller
from commonspace.serve.terms import Terms, Urgency

__all__ = ["CLASS_HEADER", "TIMEOUT_HEADER", "caller_of", "terms_of"]

TIMEOUT_HEADER = "x-commonspace-timeout-ms"
CLASS_HEADER = "x-commonspace-class"
DAY_MILLISECONDS = 86_400_000.0


def caller_of(request: Request) -> Caller:
    """Who asks, as the guard found out."""
    caller: Caller = request.state.caller
    return caller


def terms_of(request: Request, *, timeout_ms: float | None = None, priority: Urgency | None = None) -> Terms:
    """The terms of a request; a field of the body wins over its header. The time runs from here.

    Raises:
        UsageError: a header that is no such value.
    """
    timeout = timeout_ms if timeout_ms is not None else _timeout(_header(request, TIMEOUT_HEADER))
    return Terms(
        urgency=priority or _urgency(_header(request, CLASS_HEADER)),
        deadline=None if timeout is None else time.monotonic() + timeout / 1000,
        tenant=caller_of(request).tenant,
    )


def _header(request: Request, name: str) -> str | None:
    """The first header of a name; most requests have none, which the framework tells by an exception."""
    wanted = name.encode("ascii")
    return next((value.decode("latin-1") for each, value in request.scope["headers"] if each == wanted), None)


def _timeout(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        milliseconds = float(text)
    except ValueError:
        milliseconds = -1.0
    if not 0.0 < milliseconds <= DAY_MILLISECONDS:
        raise UsageError(f"The header {TIMEOUT_HEADER} is no time.", fix="Give milliseconds above zero, such as 250.")
    return milliseconds


def _urgency(text: str | None) -> Urgency:
    if text is None:
        return Urgency.INTERACTIVE
    try:
        return Urgency(text.lower())
    except ValueError:
        raise UsageError(f"The header {CLASS_HEADER} is no class.", fix="Use interactive or bulk.") from None
