"""A small internet for fetching from: names with addresses, a dialler that writes down whom it calls, a server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, final

import httpcore

from commonspace.core.errors import ItemError
from commonspace.serve.fetch import Fetcher
from commonspace.serve.groups import Fetch
from tests.unit.serve.blocked_urls import BLOCKED_ADDRESSES

__all__ = [
    "HOSTS",
    "OPEN_TO_ADDRESSES",
    "POLICY",
    "PUBLIC",
    "Names",
    "RecordingDialler",
    "Respond",
    "fetch",
    "names",
    "ok",
    "redirect",
    "says",
    "served",
    "server",
]

PUBLIC = "93.184.215.14"

HOSTS = ("allowed.example", "*.wild.example", "ported.example:8080", "second.example")
POLICY = Fetch(enabled=True, hosts=HOSTS, max_bytes=1000, seconds=20.0)
OPEN_TO_ADDRESSES = Fetch(enabled=True, hosts=(*HOSTS, *(f"[{a}]" if ":" in a else a for a in BLOCKED_ADDRESSES)))

Respond = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@final
@dataclass
class Names:
    """A name server that may change its mind: each look-up takes the next answer, the last one stays."""

    answers: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        del port
        self.asked.append(host)
        answers = self.answers.get(host, [(host,) if host.replace(".", "").isdigit() or ":" in host else ()])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@final
@dataclass
class RecordingDialler:
    """Writes down each address that would be called, and connects to the test's own server instead."""

    port: int = 0
    dialled: list[tuple[str, int]] = field(default_factory=list)
    dead: frozenset[str] = frozenset()

    async def dial(self, address: str, port: int, timeout_seconds: float | None) -> httpcore.AsyncNetworkStream:
        self.dialled.append((address, port))
        if address in self.dead or not self.port:
            raise httpcore.ConnectError
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self.port, timeout=timeout_seconds)


@asynccontextmanager
async def server(respond: Respond) -> AsyncIterator[int]:
    """A server on loopback that answers each connection's request by a function of its head; gives its port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await respond(await reader.readuntil(b"\r\n\r\n"), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def names(**answers: Sequence[Sequence[str]]) -> Names:
    """Names under ``example``; each has one or more successive answers."""
    return Names({f"{name.replace('_', '.')}.example": list(given) for name, given in answers.items()})


def fetch(fetcher: Fetcher, url: str) -> bytes | str:
    """What is behind a URL, or the code of the refusal."""
    try:
        return asyncio.run(fetcher.fetch(url))
    except ItemError as error:
        return error.item_code


def served(
    respond: Respond, url: str = "http://allowed.example/a.png", **world: Any
) -> tuple[bytes | str, RecordingDialler]:
    """The outcome of one fetch against a server of one's own, and whom it called."""
    known = world.get("known") or names(allowed=[[PUBLIC]], second=[[PUBLIC]], a_wild=[[PUBLIC]], ported=[[PUBLIC]])
    dialler = RecordingDialler(dead=world.get("dead", frozenset()))

    async def run() -> bytes:
        async with server(respond) as port:
            dialler.port = port
            return await Fetcher(world.get("policy", POLICY), resolver=known, dialler=dialler).fetch(url)

    try:
        return asyncio.run(run()), dialler
    except ItemError as error:
        return error.item_code, dialler


def says(answer: bytes) -> Respond:
    async def respond(_: bytes, writer: Any) -> None:
        writer.write(answer)
        await writer.drain()

    return respond


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
