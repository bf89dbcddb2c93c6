"""Over a real socket: who may not pass is answered before the body, and sees the answer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from tests.unit.shell.api.doorway import Doorway


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Doorway]:
    with Doorway(tmp_path) as door:
        yield door


def serving(door: Doorway, use: Callable[[int], Awaitable[None]]) -> None:
    """Serve the guarded app on a free port of loopback while it is used."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            config = uvicorn.Config(door.guard, log_config=None, server_header=False, lifespan="off", http="httptools")
            server = uvicorn.Server(config)
            served = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                async with asyncio.timeout(30):
                    await use(listening.getsockname()[1])
            finally:
                server.should_exit = True
                await served

    asyncio.run(run())


async def head(reader: asyncio.StreamReader) -> bytes:
    """The head of an answer, in lower case."""
    return (await reader.readuntil(b"\r\n\r\n")).lower()


REQUEST = b"POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 900", b"Content-Length: 900000000", b"Transfer-Encoding: chunked"]
)
def test_without_a_key_the_answer_is_there_before_any_body(framing: bytes, door: Doorway) -> None:
    async def use(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST + framing + b"\r\n\r\n")

        answer = await head(reader)

        assert answer.startswith(b"http/1.1 401 ")
        assert b'"code":"unauthenticated"' in await reader.readuntil(b"}}")
        writer.close()

    serving(door, use)
    assert (door.reached, [line["bytes_in"] for line in door.lines()]) == ([], [0])


def test_without_a_key_an_endless_body_is_answered_unread_and_cut_off(door: Doorway) -> None:
    async def send(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
            await writer.drain()

    async def use(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST + b"Transfer-Encoding: chunked\r\n\r\n")
        sending = asyncio.create_task(send(writer))

        answer = await head(reader)
        with pytest.raises(ConnectionError):
            await sending

        assert answer.startswith(b"http/1.1 401 ")
        assert b"connection: close" in answer
        assert b"\r\nserver:" not in answer
        writer.close()

    serving(door, use)
    assert (door.reached, [line["bytes_in"] for line in door.lines()]) == ([], [0])


@pytest.mark.parametrize("announced", [True, False])
def test_a_client_that_sends_too_much_sees_the_answer_not_a_broken_connection(
    announced: bool,  # noqa: FBT001
    door: Doorway,
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 5000

    headers = {**door.key(), "content-type": "application/json"}

    async def use(port: int) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(2):
                content = b"x" * 1_000_000 if announced else parts()
                response = await client.post(f"http://127.0.0.1:{port}/v1/embeddings", content=content, headers=headers)
                assert (response.status_code, response.json()["error"]["code"]) == (413, "request_too_large")

    serving(door, use)
    assert door.reached == []


def test_a_refused_client_may_go_on_over_the_same_connection(door: Doorway) -> None:
    good = door.key()

    async def use(port: int) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            statuses = [
                (await client.post("/v1/embeddings", json={"input": "x" * 500}, headers=headers)).status_code
                for headers in ({}, good, {}, good)
            ]
        assert statuses == [401, 200, 401, 200]

    serving(door, use)


def test_a_client_that_leaves_in_the_middle_reaches_nothing(door: Doorway) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in door.key().items()).encode()

    async def use(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST + headers + b"Content-Length: 900\r\n\r\n{")
        await writer.drain()
        writer.close()
        while not door.lines():  # noqa: ASYNC110  the server writes its line when it notices
            await asyncio.sleep(0.01)
        del reader

    serving(door, use)
    assert (door.reached, [line["status"] for line in door.lines()]) == ([], [499])
