"""Malformed files and requests over HTTP: each is answered, none kills, and who asks beside them gets what is right.

Some two thousand malformed files in all; COMMONSPACE_MALFORMED says how many of each modality instead.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import pytest

from benchmarks.drains import worker_ids
from benchmarks.hostile import SETTINGS, Healthy, Siege, besiege, make_store
from benchmarks.under_load import in_loop, is_ready
from tests.e2e.serving import Served, serving
from tests.malformed.hostile import KINDS, attacks, bomb_attacks, bomb_cases, shapeless

USUAL: Final = {"image": 480, "audio": 280, "video": 160, "sensor": 480, "text": 300, "table": 220}
PER_KIND: Final = os.environ.get("COMMONSPACE_MALFORMED")
COUNTS: Final = USUAL if PER_KIND is None else dict.fromkeys(KINDS, int(PER_KIND))
SOCKET_SECONDS: Final = 60
HEAD: Final = b"POST /v1/embeddings HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
BROKEN: Final = {
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "no request": b"heron heron heron\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\n\r\n",
    "a line break in a name": HEAD + b"x-a\n: b\r\n\r\n",
    "no length": HEAD + b"content-length: -5\r\n\r\n{}",
    "two lengths": HEAD + b"content-length: 2\r\ncontent-length: 9\r\n\r\n{}",
    "a length in chunks": HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "broken chunks": HEAD + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
    "a long name": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    "more than the limit": HEAD + b"content-length: 64000001\r\n\r\n" + b" " * 10_000,
    "many headers": HEAD + b"".join(b"x-%d: y\r\n" % number for number in range(20_000)) + b"\r\n",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Its end is a check too: exit code 0, and not one error in the log."""
    with serving(tmp_path_factory.mktemp("hostile"), *SETTINGS) as running:
        in_loop(lambda: make_store(running.url))
        yield running


@pytest.fixture(scope="module")
def campaign(service: Served) -> tuple[Siege, Healthy, list[int], list[int]]:
    """Everything at once, with healthy requests beside it; the workers before and after."""
    healthy, before = Healthy(service.url, pause_seconds=0.15), worker_ids(service)

    async def run() -> Siege:
        await healthy.learn()
        using = asyncio.ensure_future(healthy.use())
        everything = [*bomb_attacks(), *shapeless(), *attacks(2026, COUNTS)]
        siege = await besiege(service.url, everything)
        healthy.stopping = True
        await using
        return siege

    return in_loop(run), healthy, before, worker_ids(service)


Campaign = tuple[Siege, Healthy, list[int], list[int]]


def test_there_are_thirty_bombs_and_two_thousand_malformed_files(campaign: Campaign) -> None:
    assert len(bomb_cases()) >= 30
    assert campaign[0].num_items >= 2000


def test_every_request_is_answered(campaign: Campaign) -> None:
    assert campaign[0].unanswered == []


def test_no_answer_is_a_500_or_tells_of_the_machine(campaign: Campaign) -> None:
    assert campaign[0].faults == []


def test_most_are_refused_and_the_rest_decode(campaign: Campaign) -> None:
    """Proof that the files are malformed and the errors are told apart."""
    codes = campaign[0].codes
    assert sum(codes.values()) > campaign[0].num_items / 3
    assert len(codes) >= 12


def test_no_process_dies(campaign: Campaign, service: Served) -> None:
    siege, _, before, after = campaign
    assert siege.deaths == 0, siege.codes
    assert before == after or siege.num_items > 4000, "workers are replaced after some thousand items, and only then"
    assert in_loop(lambda: is_ready(service.url))


def test_healthy_requests_beside_them_get_the_right_vectors(campaign: Campaign) -> None:
    assert campaign[1].wrong == []
    assert campaign[1].num_right > 50


@pytest.mark.parametrize("name", BROKEN)
def test_broken_http_is_answered_or_hung_up_on(service: Served, name: str) -> None:
    parts = urlsplit(service.url)
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=SOCKET_SECONDS) as line:
        line.sendall(BROKEN[name])
        line.shutdown(socket.SHUT_WR)
        told = b""
        try:
            while more := line.recv(65_536):
                told += more
        except ConnectionResetError:
            told = told or b""
    assert not told or told.startswith(b"HTTP/1.1 4"), told[:200]
    assert in_loop(lambda: is_ready(service.url))
