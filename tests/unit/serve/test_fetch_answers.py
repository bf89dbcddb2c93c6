"""Whatever the other side answers, fetching takes no more than its limits of bytes and time."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from commonspace.serve.fetch import Fetcher
from commonspace.serve.groups import Fetch
from tests.unit.serve.fetch_world import HOSTS, RecordingDialler, fetch, ok, says, served


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"x" * 1001),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1F4\r\n"
        + b"x" * 500
        + b"\r\n"
        + b"1F5\r\n"
        + b"x" * 501,
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 10,
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxxx",
        ok(b"\x1f\x8b", "Content-Encoding: gzip"),
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 200_000,
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
    ids=[
        *("too long", "too long without a length", "too long in chunks", "ends early", "negative length"),
        *("two lengths", "compressed", "not there", "a part", "endless headers", "not HTTP", "silence"),
    ],
)
def test_an_answer_that_is_no_good_fails_without_a_reason(answer: bytes) -> None:
    assert served(says(answer))[0] == "url_failed"


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    assert served(says(ok(b"x" * 1000)))[0] == b"x" * 1000


def test_a_slow_body_ends_at_the_deadline_of_the_whole() -> None:
    async def drip(_: bytes, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    policy = Fetch(enabled=True, hosts=HOSTS, seconds=0.3)
    assert served(drip, policy=policy)[0] == "url_failed"


def test_a_slow_name_server_ends_at_the_deadline_too() -> None:
    class Stuck:
        async def resolve(self, host: str, port: int) -> Sequence[str]:
            await asyncio.Event().wait()
            return [host, str(port)]

    fetcher = Fetcher(Fetch(enabled=True, hosts=HOSTS, seconds=0.05), resolver=Stuck(), dialler=RecordingDialler())
    assert fetch(fetcher, "http://allowed.example/") == "url_failed"
