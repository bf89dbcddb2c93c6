"""The door of the service: who asks, for what, and how much, before a byte of the body is read; one log line each.

Pure ASGI around the whole app. It knows routes by their table alone, and what is not in the table is not there.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, final

from starlette.types import ASGIApp, Receive, Scope, Send

from commonspace.core.errors import (
    CommonspaceError,
    Forbidden,
    Overloaded,
    Unauthenticated,
    UsageError,
)
from commonspace.serve.access import LOCAL_CALLER, Caller, is_loopback, keys_required
from commonspace.serve.door import Door, Kind
from commonspace.serve.groups import Server
from commonspace.serve.keys import Keyring
from commonspace.serve.nesting import too_deep
from commonspace.serve.rates import Buckets
from commonspace.shell.api.errors import error_response, framework_response, internal_response
from commonspace.shell.api.exchange import Exchange, Headers, too_large
from commonspace.shell.api.scopes import AccessTable, Entry, Open
from commonspace.shell.api.terms import CLASS_HEADER

__all__ = ["Guard", "Visit"]

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
ORIGIN: Final = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[^:/\[\]]+)(?::\d+)?")
HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:/\[\]]+)(?::\d+)?")
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
UNREAD_TYPES: Final = ("multipart/", "application/octet-stream", "image/", "audio/", "video/")
LONG_BYTES: Final = 262_144
BULK: Final = re.compile(rb'"priority"\s*:\s*(?:"bulk"|[1-9])')
HELD_BODIES: Final = 16
CLIENT_GONE: Final = 499
BUSY_SECONDS: Final = 1.0
LATER: Final = "Send it again after the time in Retry-After."
KEY_FIX: Final = "Send a key as `Authorization: Bearer ...` or `x-api-key: ...`; the operator makes them."
logger = logging.getLogger("commonspace.requests")


@final
@dataclass(slots=True, kw_only=True)
class Visit:
    """What is known of a request by now, for its log line."""

    request_id: str
    method: str
    began: float
    caller: Caller | None = None
    route: str | None = None
    cause: str | None = None


@final
class Guard:
    """Lets requests through to an app, or answers them itself; ``turned_away`` hears of whom the door keeps out.

    Raises:
        UsageError: keys are required, and there is no keyring to check them with.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        table: AccessTable,
        server: Server,
        keys: Keyring | None,
        buckets: Buckets,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._required = keys_required(server)
        if keys is None and self._required:
            raise UsageError("Keys are required, and there is no keyring.", fix="Open the keyring of the state folder.")
        self._app = app
        self._table = table
        self._server = server
        self._keys = keys
        self._buckets = buckets
        self._clock = clock
        self._door = Door(clock)
        self.turned_away: Callable[[], None] = _unheard
        self._active = 0
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it through; there are no web sockets here."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope["headers"])
        visit = Visit(request_id=_request_id(headers), method=scope["method"], began=self._clock())
        exchange = Exchange(receive, send, headers=headers, limit=self._server.body_bytes, request_id=visit.request_id)
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"], state["visit"] = visit.request_id, visit
        try:
            await self._try(scope, headers, visit, exchange)
        finally:
            self._log(visit, exchange, state.get("cause"))

    async def _try(self, scope: Scope, headers: Headers, visit: Visit, exchange: Exchange) -> None:
        """Every error has its answer; what an app says after its client went away counts for nothing."""
        refusal: CommonspaceError | None = None
        try:
            await self._pass(scope, headers, visit, exchange)
        except CommonspaceError as error:
            refusal = error
        except Exception as error:
            if exchange.refused is None and not exchange.gone:
                visit.cause = type(error).__name__
                logger.exception("request failed", extra={"fields": {"request_id": visit.request_id}})
                if exchange.status is None:
                    await exchange.answer(*internal_response(visit.request_id))
        refusal = refusal or exchange.refused
        if refusal is not None:
            visit.cause = refusal.code
            if exchange.status is None:
                await exchange.answer(*error_response(refusal, visit.request_id))

    async def _pass(self, scope: Scope, headers: Headers, visit: Visit, exchange: Exchange) -> None:
        """Every check in order, the cheap ones first; then the app."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        entry = self._table.find(visit.method, path)
        visit.route = entry and entry.template
        with self._place(entry):
            if entry is None or entry.access is not Open.TO_ALL:
                visit.caller = scope["state"]["caller"] = self._caller(headers)
            if entry is None or visit.method not in entry.methods:
                visit.cause = "not_found" if entry is None else "method_not_allowed"
                allowed = self._table.allowed(path)
                await exchange.answer(*framework_response(visit.request_id, allowed))
                return
            if visit.caller is not None:
                self._check_caller(visit.caller, entry, exchange)
            with self._memory(headers.length()):
                is_long = (headers.length() or 0) > LONG_BYTES  # then its head alone says of what kind it is
                if is_long:
                    self._knock(_kind(visit, headers, b""), visit)
                body = await self._check_body(headers, exchange)
                if not exchange.gone:
                    kind = _kind(visit, headers, body)
                    if not is_long:
                        self._knock(kind, visit)
                    with self._door_open(kind, scope["state"]):
                        await self._app(scope, exchange.receive, exchange.send)

    @contextmanager
    def _place(self, entry: Entry | None) -> Iterator[None]:
        """One of a limited number of places; whether the service lives can always be asked."""
        if self._active >= self._server.connections and (entry is None or entry.access is not Open.TO_ALL):
            raise Overloaded(
                f"{self._active} requests are being answered already.",
                fix=LATER,
                retry_after_seconds=BUSY_SECONDS,
            )
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1

    def _knock(self, kind: Kind, visit: Visit) -> None:
        """Let a request pass, unless most of its kind are refused inside; then only as many as will find room."""
        if visit.method == "POST" and self._door.turns_away(kind):
            if not kind.is_bulk:
                self.turned_away()
            raise Overloaded(
                "There is more to do than can be done in time.", fix=LATER, retry_after_seconds=BUSY_SECONDS
            )

    @contextmanager
    def _door_open(self, kind: Kind, state: Mapping[str, Any]) -> Iterator[None]:
        """While a request is inside; what became of it is told to the door."""
        asyncio.get_running_loop().call_soon(self._went_round, self._clock())
        yield
        self._door.settled(kind, refused=state.get("cause") == Overloaded.code)

    def _went_round(self, began: float) -> None:
        self._door.went_round(self._clock() - began)

    def _caller(self, headers: Headers) -> Caller:
        """Who asks. Where no keys are required only one of ours is looked at, for clients send anything there."""
        text = _key(headers)
        if text is not None and self._keys is not None and (self._required or text.startswith("cs_")):
            return self._keys.caller(text)
        if self._required:
            raise Unauthenticated("This service asks for a key.", fix=KEY_FIX)
        self._check_local(headers)
        return LOCAL_CALLER

    def _check_local(self, headers: Headers) -> None:
        """Keep web pages of elsewhere from using a service without keys through the browser of whoever visits them."""
        for name, shape in ((b"host", HOST), (b"origin", ORIGIN)):
            value = headers.get(name)
            found = shape.fullmatch(value) if value is not None else None
            if value is not None and not (found and (is_loopback(found[1]) or found[1] == self._server.host)):
                raise Forbidden(
                    f"Without keys this service answers only to this machine; the {name.decode()} is another.",
                    fix="Use http://127.0.0.1 as the host, or set server.require_keys and send a key.",
                )

    def _check_caller(self, caller: Caller, entry: Entry, exchange: Exchange) -> None:
        if not isinstance(entry.access, Open) and entry.access not in caller.scopes:
            raise Forbidden(
                f"The key does not have the scope '{entry.access.value}'.",
                fix="Ask the operator for a key that has it.",
            )
        exchange.extra = lambda: standing.headers() if (standing := self._buckets.standing(caller)) else {}
        if not isinstance(entry.access, Open):
            self._buckets.check(caller)

    @contextmanager
    def _memory(self, length: int | None) -> Iterator[None]:
        """Room for a body of some length; one of unknown length may become as long as any."""
        limit = self._server.body_bytes
        if length is not None and length > limit:
            raise too_large(limit)
        expected = limit if length is None else length
        if expected and self._held_bytes + expected > HELD_BODIES * limit:
            raise Overloaded(
                "There are too many large requests at once.",
                fix="Send it again after the time in Retry-After, or in smaller parts.",
                retry_after_seconds=BUSY_SECONDS,
            )
        self._held_bytes += expected
        try:
            yield
        finally:
            self._held_bytes -= expected

    async def _check_body(self, headers: Headers, exchange: Exchange) -> bytes:
        """Read what will be parsed, and look how deep it goes; uploads are counted as the app reads them."""
        kind = (headers.get(b"content-type") or "").lower()
        if kind.startswith(UNREAD_TYPES):
            return b""
        body, depth = await exchange.read_body(), self._server.json_depth
        is_long = len(body) > LONG_BYTES
        if await asyncio.to_thread(too_deep, body, depth) if is_long else too_deep(body, depth):
            raise UsageError(f"The JSON is nested more than {depth} levels deep.", fix="Send a flatter document.")
        return body

    def _log(self, visit: Visit, exchange: Exchange, cause: str | None) -> None:
        status = exchange.status or CLIENT_GONE
        fields = {
            "request_id": visit.request_id,
            "key_id": visit.caller and visit.caller.key_id,
            "tenant": visit.caller and visit.caller.tenant,
            "method": visit.method if visit.method in METHODS else "other",
            "route": visit.route,
            "status": status,
            "milliseconds": round((self._clock() - visit.began) * 1000, 3),
            "bytes_in": exchange.bytes_in,
            "bytes_out": exchange.bytes_out,
            "cause": visit.cause or cause,
        }
        logger.log(logging.WARNING if status >= 500 else logging.INFO, "request", extra={"fields": fields})


def _unheard() -> None:
    pass


def _request_id(headers: Headers) -> str:
    """The client's own where it is a plain word, else a new one."""
    given = headers.get(b"x-request-id")
    return given if given and REQUEST_ID.fullmatch(given) else f"req-{secrets.token_hex(12)}"


def _kind(visit: Visit, headers: Headers, body: bytes) -> Kind:
    """Whom a request competes with. Its class stands in a header, or in a field that is only looked for here."""
    said = headers.get(CLASS_HEADER.encode()) or ""
    is_bulk = said.lower() == "bulk" or (len(body) <= LONG_BYTES and BULK.search(body) is not None)
    tenant = visit.caller.tenant if visit.caller is not None else ""
    return Kind(tenant=tenant, route=visit.route or "", is_bulk=is_bulk, size=(headers.length() or 0).bit_length() // 4)


def _key(headers: Headers) -> str | None:
    """What was sent as a key, if anything."""
    kind, _, rest = (headers.get(b"authorization") or "").partition(" ")
    return rest.strip() if kind.lower() == "bearer" and rest.strip() else headers.get(b"x-api-key")
