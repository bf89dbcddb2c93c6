"""The loader's own HTTP against servers that answer in pieces, in chunks, not at all."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from commonspace.shell.load.connection import Answer, Connections

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def exchanged(serve: Serve, *, requests: int = 1) -> tuple[list[Answer], int]:
    """Answers to so many requests in turn, and how many connections they took."""
    opened = 0

    async def play() -> list[Answer]:
        async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal opened
            opened += 1
            await serve(reader, writer)
            writer.close()

        server = await asyncio.start_server(counted, "127.0.0.1", 0)
        connections = Connections("127.0.0.1", server.sockets[0].getsockname()[1])
        async with server:
            answers = [await connections.request("POST", "/x", {"x-a": "1"}, b"body") for _ in range(requests)]
            await connections.close()
        return answers

    return asyncio.run(play()), opened


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(4)


def saying(*pieces: bytes, times: int = 1) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            await read_request(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()

    return serve


def test_an_answer_with_a_length_is_read_whole_however_it_is_cut() -> None:
    pieces = [bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-B: y\r\n\r\nhello"]

    (answer,), _ = exchanged(saying(*pieces))

    assert (answer.status, answer.headers["x-b"], answer.body) == (200, "y", b"hello")


def test_an_answer_in_chunks_is_put_together() -> None:
    said = b"HTTP/1.1 429 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n"

    (answer,), _ = exchanged(saying(said))

    assert (answer.status, answer.body) == (429, b"abcd0123456789")


def test_a_connection_is_used_again() -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    answers, opened = exchanged(saying(said, times=3), requests=3)

    assert len(answers) == 3
    assert opened == 1


def test_a_connection_that_is_to_be_closed_is_not() -> None:
    said = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"

    _, opened = exchanged(saying(said), requests=2)

    assert opened == 2


def test_a_request_on_a_connection_that_had_ended_is_made_on_a_new_one() -> None:
    """The server answers one request a connection and hangs up without a word."""
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    answers, opened = exchanged(saying(said), requests=3)

    assert [answer.body for answer in answers] == [b"ok"] * 3
    assert opened == 3


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nendless"],
)
def test_half_an_answer_is_a_lost_one(said: bytes) -> None:
    with pytest.raises(OSError):  # noqa: PT011  any of them
        exchanged(saying(said))
