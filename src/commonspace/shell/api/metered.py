"""Counts every answer, the guard's own too: by route and status, how long it took, and why it was refused."""

import time
from collections.abc import Callable
from typing import Final, final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from commonspace.serve.meters import Meters

__all__ = ["Metered"]

CLIENT_GONE: Final = 499
NO_ROUTE: Final = "none"
REFUSALS: Final = frozenset({"forbidden", "rate_limited", "request_too_large", "unauthenticated"})
"""Refusals that nobody else counts; the engine counts its own."""


@final
class Metered:
    """Stands outside the guard, which leaves what it knows of a request as ``visit`` in the request's state."""

    def __init__(self, app: ASGIApp, meters: Meters, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._meters = meters
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, and count it when it is over."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        began, status = self._clock(), CLIENT_GONE

        async def heard(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, heard)
        finally:
            visit = state.get("visit")
            route = getattr(visit, "route", None) or NO_ROUTE
            self._meters.request(route, status, self._clock() - began)
            own = getattr(visit, "cause", None)
            cause = own or state.get("cause")
            if cause in REFUSALS or own == "overloaded":
                self._meters.refused(cause)
