"""The two drivers: one blocks, one awaits; each takes the steps of a flow over a pool of connections."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ssl import SSLContext
from time import monotonic, sleep
from typing import Any, Final, TypeVar, final

import httpx
import orjson

from commonspace.core.errors import CommonspaceError
from commonspace.shell.client.message import Broken, Loss, Outcome, Reply
from commonspace.shell.client.reach import is_loopback
from commonspace.shell.client.steps import Flow, Pause, Send, Step, Together, Work

__all__ = ["AsyncPool", "Pool", "Transport"]

T = TypeVar("T")

CONNECT_SECONDS: Final = 5.0
NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """How requests travel: to which address, with which headers, over how many connections, trusting whom."""

    url: str
    headers: Mapping[str, str]
    connections: int
    tls: SSLContext | None

    def options(self) -> dict[str, Any]:
        """What both of httpx's clients are made with; no proxy is asked about this very machine."""
        return {
            "base_url": self.url,
            "headers": dict(self.headers),
            "verify": True if self.tls is None else self.tls,
            "trust_env": not is_loopback(self.url),
            "limits": httpx.Limits(max_connections=self.connections, max_keepalive_connections=self.connections),
        }


@final
class Pool:
    """Takes the steps of flows and blocks meanwhile; may be shared between threads."""

    def __init__(self, transport: Transport, pause: Callable[[float], None] = sleep) -> None:
        self._client = httpx.Client(**transport.options())
        self._pause = pause

    def run(self, flow: Flow[T]) -> T:
        """Take a flow from its first step to its result."""
        outcome: Any = None
        failure: CommonspaceError | None = None
        while True:
            try:
                step = flow.send(outcome) if failure is None else flow.throw(failure)
            except StopIteration as stop:
                result: T = stop.value
                return result
            outcome, failure = None, None
            try:
                outcome = self._take(step)
            except CommonspaceError as error:
                failure = error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _take(self, step: Step) -> Any:
        match step:
            case Send():
                return self._send(step)
            case Pause(seconds=seconds):
                return self._pause(seconds)
            case Work(do=do):
                return do()
            case Together():
                return self._together(step)

    def _send(self, step: Send) -> Outcome:
        deadline = monotonic() + step.timeout_seconds
        body = bytearray()
        try:
            with self._client.stream(**_request(step)) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if monotonic() > deadline:
                        return Broken(loss=Loss.TIMED_OUT, words="the answer came too slowly")
        except httpx.RequestError as error:
            return _broken(error)
        return _reply(response, bytes(body))

    def _together(self, step: Together) -> list[Any]:
        with ThreadPoolExecutor(min(step.at_a_time, len(step.flows))) as threads:
            futures = [threads.submit(self.run, flow) for flow in step.flows]
            try:
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()


@final
class AsyncPool:
    """Takes the steps of flows on the running event loop."""

    def __init__(self, transport: Transport, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._client = httpx.AsyncClient(**transport.options())
        self._pause = pause

    async def run(self, flow: Flow[T]) -> T:
        """Take a flow from its first step to its result."""
        outcome: Any = None
        failure: CommonspaceError | None = None
        while True:
            try:
                step = flow.send(outcome) if failure is None else flow.throw(failure)
            except StopIteration as stop:
                result: T = stop.value
                return result
            outcome, failure = None, None
            try:
                outcome = await self._take(step)
            except CommonspaceError as error:
                failure = error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _take(self, step: Step) -> Any:
        match step:
            case Send():
                return await self._send(step)
            case Pause(seconds=seconds):
                return await self._pause(seconds)
            case Work(do=do):
                return await asyncio.to_thread(do)
            case Together():
                return await self._together(step)

    async def _send(self, step: Send) -> Outcome:
        try:
            async with asyncio.timeout(step.timeout_seconds):
                response = await self._client.request(**_request(step))
        except TimeoutError:
            return Broken(loss=Loss.TIMED_OUT, words="the answer came too slowly")
        except httpx.RequestError as error:
            return _broken(error)
        return _reply(response, response.content)

    async def _together(self, step: Together) -> list[Any]:
        turn = asyncio.Semaphore(step.at_a_time)

        async def in_turn(flow: Flow[Any]) -> Any:
            async with turn:
                return await self.run(flow)

        tasks = [asyncio.create_task(in_turn(flow)) for flow in step.flows]
        try:
            return [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _request(step: Send) -> dict[str, Any]:
    """A call as httpx takes it."""
    call, left = step.call, step.timeout_seconds
    headers, content = dict(call.headers), None
    if call.document is not None:
        headers["content-type"] = "application/json"
        content = orjson.dumps(call.document)
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.query) or None,
        "headers": headers,
        "timeout": httpx.Timeout(left, connect=min(left, CONNECT_SECONDS)),
        "content": content,
    }


def _reply(response: httpx.Response, body: bytes) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status_code, headers=headers, body=body)


def _broken(error: httpx.RequestError) -> Broken:
    words = str(error) or type(error).__name__
    if isinstance(error, NOT_SENT):
        return Broken(loss=Loss.NOT_SENT, words=words)
    if isinstance(error, httpx.TimeoutException):
        return Broken(loss=Loss.TIMED_OUT, words=words)
    return Broken(loss=Loss.NOT_ANSWERED, words=words)
