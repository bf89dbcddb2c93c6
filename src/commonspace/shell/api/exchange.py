"""One request and its answer on the wire: bytes counted and limited on the way in, headers added on the way out."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final, final

from starlette.types import Message, Receive, Send

from commonspace.core.errors import DeadlineMissed, TooLarge

__all__ = ["Exchange", "Headers", "too_large"]

IDLE_SECONDS: Final = 30.0
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 16_777_216
ALWAYS: Final = {
    b"x-content-type-options": b"nosniff",
    b"cache-control": b"no-store",
    b"referrer-policy": b"no-referrer",
}
NO_CONTENT: Final = {b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'"}
OURS: Final = frozenset({b"server", b"x-request-id", *ALWAYS, *NO_CONTENT})


@final
class Headers:
    """The headers of a request; of one that is repeated the first counts."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._first: dict[bytes, bytes] = {}
        for name, value in raw:
            self._first.setdefault(name.lower(), value)

    def get(self, name: bytes) -> str | None:
        """The value of a header, by its name in lower case."""
        value = self._first.get(name)
        return None if value is None else value.decode("latin-1").strip()

    def length(self) -> int | None:
        """The announced length of the body; zero without a body, None where it is not announced."""
        announced = self.get(b"content-length")
        if self.get(b"transfer-encoding") is not None:
            return None
        return int(announced) if announced and announced.isascii() and announced.isdigit() else 0


@final
class Exchange:
    """Stands between the server and the app for one request.

    More bytes than the limit look to the app like a client that went away, and what it then answers is dropped:
    ``refused`` says that another answer is due. ``status`` stays None until an answer begins, and ``extra`` is asked
    then for headers.
    """

    def __init__(self, receive: Receive, send: Send, *, headers: Headers, limit: int, request_id: str) -> None:
        self._receive = receive
        self._send = send
        self._headers = headers
        self._limit = limit
        self._request_id = request_id.encode("latin-1")
        self._replay: bytes | None = None
        self._body_over = headers.length() == 0
        self.extra: Callable[[], Mapping[str, str]] = dict
        self.refused: TooLarge | None = None
        self.status: int | None = None
        self.gone = False
        self.bytes_in = 0
        self.bytes_out = 0

    async def receive(self) -> Message:
        """The next message for the app."""
        if self._replay is not None:
            body, self._replay = self._replay, None
            return {"type": "http.request", "body": body, "more_body": False}
        message = await self._receive()
        if message["type"] != "http.request":
            self.gone = self.status is None
            return message
        self.bytes_in += len(message.get("body", b""))
        self._body_over = not message.get("more_body", False)
        if self.bytes_in > self._limit:
            self.refused = too_large(self._limit)
            return {"type": "http.disconnect"}
        return message

    async def read_body(self) -> bytes:
        """The whole body, which the app will get once more; empty when the client went away.

        Raises:
            TooLarge: it is over the limit.
            DeadlineMissed: nothing came for a long time.
        """
        body = bytearray()
        while not self._body_over:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    message = await self.receive()
            except TimeoutError as error:
                raise DeadlineMissed("The body did not arrive.", fix="Send the whole body.") from error
            if self.refused is not None:
                raise self.refused
            if self.gone:
                return b""
            body += message.get("body", b"")
        self._replay = bytes(body)
        return self._replay

    async def send(self, message: Message) -> None:
        """The next message from the app."""
        if self.refused is not None and self.status is None:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._dressed(message.get("headers", ()))}
        elif message["type"] == "http.response.body":
            self.bytes_out += len(message.get("body", b""))
        await self._send(message)

    async def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer instead of the app. What is left of the body is not waited for.

        The connection ends where the rest is long or has no known end; bytes that are still coming are thrown away
        for a moment first, or the client would see a broken connection instead of the answer.
        """
        self.refused = None
        length = self._headers.length()
        endless = length is None or length > self._limit or self._headers.get(b"expect") is not None
        closing = endless and not self._body_over and not self.gone
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        raw.append((b"content-length", str(len(body)).encode("ascii")))
        raw += [(b"connection", b"close")] if closing else []
        await self.send({"type": "http.response.start", "status": status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body, "more_body": closing})
        if closing:
            await self._linger()
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _linger(self) -> None:
        left = LINGER_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0:
                    message = await self._receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    left -= len(message.get("body", b"")) or 1

    def _dressed(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The app's headers with ours."""
        kept = [(name, value) for name, value in given if name.lower() not in OURS]
        is_page = any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in kept)
        added = {**ALWAYS, **({} if is_page else NO_CONTENT), b"x-request-id": self._request_id}
        extra = [(name.encode("ascii"), value.encode("ascii")) for name, value in self.extra().items()]
        return [*kept, *added.items(), *extra]


def too_large(limit: int) -> TooLarge:
    """The refusal of a body over the limit."""
    return TooLarge(
        f"The request has more than {limit} bytes.", fix="Send fewer or smaller items a request (server.body_bytes)."
    )
