"""Media by URL, fetched only where the operator allows it and only from addresses that were checked.

A name is resolved once, every address it has must be public, and the connection is dialled to one of those: what a
name server says later changes nothing. Each redirect starts over. No proxy, no cookies, no decompression.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, final

import httpcore

from commonspace.core.errors import ItemError
from commonspace.serve.groups import Fetch
from commonspace.serve.urls import Target, is_public

__all__ = ["Dialler", "Fetcher", "Resolver"]

AT_ONCE: Final = 16
MAX_ADDRESSES: Final = 4
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
FIX: Final = "Send the media itself, such as a data URI, or ask the operator."
logger = logging.getLogger(__name__)


class Resolver(Protocol):
    """Looks names up."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Every address of a name; none where it has none."""
        ...


class Dialler(Protocol):
    """Connects to addresses, never to names."""

    async def dial(self, address: str, port: int, timeout_seconds: float | None) -> httpcore.AsyncNetworkStream:
        """A connection to exactly this address."""
        ...


@final
class SystemResolver:
    """The machine's own resolver."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Every address of a name; none where it has none."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return ()
        return list(dict.fromkeys(str(each[4][0]) for each in found))


@final
class SystemDialler:
    """Plain TCP."""

    async def dial(self, address: str, port: int, timeout_seconds: float | None) -> httpcore.AsyncNetworkStream:
        """A connection to exactly this address."""
        return await httpcore.AnyIOBackend().connect_tcp(address, port, timeout=timeout_seconds)


@final
class Fetcher:
    """Fetches what URLs name, within one policy. Errors say that it was refused or failed, never what is behind it."""

    def __init__(
        self,
        policy: Fetch,
        *,
        resolver: Resolver | None = None,
        dialler: Dialler | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._resolver = resolver or SystemResolver()
        self._dialler = dialler or SystemDialler()
        self._tls = tls
        self._places = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, url: str) -> bytes:
        """The bytes behind a URL.

        Raises:
            ItemError: ``url_refused`` where the policy is against it, ``url_failed`` where the other side is.
        """
        policy = self._policy
        if not policy.enabled:
            raise ItemError("url_refused", "This service does not fetch URLs.", fix=FIX)
        try:
            async with asyncio.timeout(policy.seconds), self._places:
                target = self._allowed(Target.read(url))
                for _ in range(policy.redirects + 1):
                    answer = await self._ask(target)
                    if answer.data is not None:
                        return answer.data
                    target = self._allowed(target.follow(answer.location))
        except (OSError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise _failure(type(error).__name__) from error
        raise _failure("too many redirects")

    def _allowed(self, target: Target | None) -> Target:
        if target is None:
            raise _refusal("not a URL that is read here")
        if not target.listed(self._policy.hosts):
            raise _refusal("not an allowed host")
        return target

    async def _ask(self, target: Target) -> "_Answer":
        """One request to one checked place."""
        addresses = await self._resolver.resolve(target.host, target.port)
        if not addresses:
            raise _failure("no address")
        if not all(map(is_public, addresses)):
            raise _refusal("an address that is not public")
        backend = _Pinned(target, addresses[:MAX_ADDRESSES], self._dialler)
        async with httpcore.AsyncConnectionPool(
            ssl_context=self._tls, network_backend=backend, max_connections=1, http2=False
        ) as pool:
            url = httpcore.URL(
                scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
            )
            headers = [("host", target.authority()), ("accept", "*/*"), ("accept-encoding", "identity")]
            async with pool.stream("GET", url, headers=headers, extensions=self._limits()) as response:
                return await self._read(response)

    def _limits(self) -> dict[str, dict[str, float]]:
        return {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._policy.seconds)}

    async def _read(self, response: httpcore.Response) -> "_Answer":
        """A redirect's place, or the body, counted as it comes whatever its announced length."""
        headers = {name.lower(): value for name, value in response.headers}
        if response.status in REDIRECTS:
            return _Answer(location=headers.get(b"location", b"").decode("latin-1"))
        if response.status != 200:
            raise _failure(f"status {response.status}")
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise _failure("compressed though that was not asked for")
        data = bytearray()
        async for chunk in response.aiter_stream():
            data += chunk
            if len(data) > self._policy.max_bytes:
                raise _failure("more bytes than allowed")
        return _Answer(data=bytes(data))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    data: bytes | None = None
    location: str = ""


@final
class _Pinned(httpcore.AsyncNetworkBackend):
    """Dials the checked addresses of one target, whatever it is asked for, and nothing else."""

    def __init__(self, target: Target, addresses: Sequence[str], dialler: Dialler) -> None:
        self._target = target
        self._addresses = addresses
        self._dialler = dialler

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore names it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the checked addresses that answers."""
        del local_address, socket_options
        if (host, port) != (self._target.host, self._target.port):
            raise httpcore.ConnectError
        for address in self._addresses[:-1]:
            try:
                return await self._dialler.dial(address, port, timeout)
            except (OSError, httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._dialler.dial(self._addresses[-1], port, timeout)


def _refusal(reason: str) -> ItemError:
    logger.info("url refused: %s", reason)
    return ItemError("url_refused", "This URL may not be fetched.", fix=FIX)


def _failure(reason: str) -> ItemError:
    logger.info("url failed: %s", reason)
    return ItemError("url_failed", "The media behind the URL could not be fetched.", fix=FIX)
