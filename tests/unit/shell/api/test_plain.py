"""Plain requests are answered as the framework's way answers them; what is not surely plain takes that way."""

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
from starlette.types import Receive, Scope, Send

from commonspace.core.errors import Overloaded
from commonspace.serve.access import LOCAL_CALLER
from commonspace.serve.fetch import Fetcher
from commonspace.serve.rates import Buckets
from commonspace.serve.settings import Settings
from commonspace.shell.api.app import routes
from commonspace.shell.api.embedding_models import EmbeddingsBody
from commonspace.shell.api.embeddings import PATH
from commonspace.shell.api.plain import Plain, plain_body
from tests.fakes import FakeEngine

PLAIN = {
    "text": {"input": "rain"},
    "list": {"input": ["rain", "thunder"]},
    "named": {"input": "rain", "model": "nano", "user": "ann"},
    "nobody": {"input": "rain", "model": None, "user": None},
    "base64": {"input": "rain", "encoding_format": "base64"},
    "bytes": {"input": "rain", "encoding_format": "bytes"},
    "bulk": {"input": "rain", "priority": "bulk"},
    "whole": {"input": "rain", "timeout_ms": 5},
    "part": {"input": "rain", "timeout_ms": 2.5},
}
UNUSUAL = {
    "nothing": {},
    "no_text": {"input": ""},
    "no_texts": {"input": []},
    "one_empty": {"input": ["rain", ""]},
    "tokens": {"input": [1, 2]},
    "parts": {"input": [{"type": "text", "text": "rain"}]},
    "mixed": {"input": ["rain", {"type": "text", "text": "rain"}]},
    "both": {"input": "rain", "messages": [{"role": "user", "content": "rain"}]},
    "unknown": {"input": "rain", "inputs": "rain"},
    "cut": {"input": "rain", "dimensions": 4},
    "per_item": {"input": "rain", "error_policy": "per_item"},
    "format": {"input": "rain", "encoding_format": "hex"},
    "no_format": {"input": "rain", "encoding_format": None},
    "long_name": {"input": "rain", "model": "n" * 201},
    "class": {"input": "rain", "priority": "soon"},
    "true": {"input": "rain", "timeout_ms": True},
    "never": {"input": "rain", "timeout_ms": 0},
    "not_an_object": ["rain"],
}


@pytest.mark.parametrize("given", PLAIN.values(), ids=PLAIN)
def test_a_plain_body_is_read_as_validation_reads_it(given: dict[str, Any]) -> None:
    assert plain_body(orjson.dumps(given)) == EmbeddingsBody.model_validate(given)


@pytest.mark.parametrize("given", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_not_surely_plain_is_left_to_validation(given: object) -> None:
    assert plain_body(orjson.dumps(given)) is None


@pytest.mark.parametrize("data", [b"", b"{", b'{"input": "\xff"}', b'{"input": NaN}', b'{"input": "\\ud800"}'])
def test_what_is_no_json_is_left_to_the_framework(data: bytes) -> None:
    assert plain_body(data) is None


class Service:
    """The real routes over a fake engine, with the short way or without, behind a guard that lets all in."""

    def __init__(self, *, short: bool) -> None:
        self.engine = FakeEngine()
        self.app = routes()
        settings = Settings.load({})
        self.app.state.backend = SimpleNamespace(
            settings=settings,
            engine=self.engine,
            model=SimpleNamespace(name="nano"),
            buckets=Buckets(settings.rates, lambda: 0.0),
            fetcher=Fetcher(settings.fetch),
        )
        if short:
            self.app.add_middleware(Plain)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"caller": LOCAL_CALLER, "request_id": "r"}
        await self.app(scope, receive, send)

    def ask(self, **given: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app=self, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.post(PATH, **given)

        return asyncio.run(once())


@pytest.fixture(scope="module")
def ways() -> tuple[Service, Service]:
    """The same routes without the short way, and with it."""
    return Service(short=False), Service(short=True)


def answers(ways: tuple[Service, Service], **given: Any) -> list[tuple[int, str | None, Any]]:
    found = [way.ask(**given) for way in ways]
    return [(each.status_code, each.headers.get("content-type"), _lasting(each)) for each in found]


def _lasting(answer: httpx.Response) -> Any:
    """What does not depend on the clock."""
    if answer.headers["content-type"] != "application/json":
        return answer.content
    return {name: value for name, value in answer.json().items() if name != "timing"}


ASKED = {**PLAIN, **UNUSUAL, "media": {"input": "data:image/png;base64,AAAA"}, "other": {"input": "a", "model": "b"}}


@pytest.mark.parametrize("given", ASKED.values(), ids=ASKED)
def test_both_ways_give_the_same_answer(ways: tuple[Service, Service], given: object) -> None:
    usual, short = answers(ways, content=orjson.dumps(given), headers={"content-type": "application/json"})
    assert short == usual
    assert usual[0] < 500
    if given in PLAIN.values():
        assert usual[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/json; charset=utf-8"},
        {},
        {"content-type": "application/json", "x-commonspace-timeout-ms": "soon"},
        {"content-type": "application/json", "x-commonspace-class": "bulk"},
    ],
    ids=["text", "charset", "none", "bad_time", "bulk"],
)
def test_both_ways_heed_the_same_headers(ways: tuple[Service, Service], headers: dict[str, str]) -> None:
    usual, short = answers(ways, content=b'{"input": "rain"}', headers=headers)
    assert short == usual
    assert [each.urgency for each in ways[0].engine.asked] == [each.urgency for each in ways[1].engine.asked]


def test_a_refusal_has_the_same_shape_and_advice(ways: tuple[Service, Service]) -> None:
    for way in ways:
        way.engine.refusal = Overloaded("Full.", fix="Later.", retry_after_seconds=1.5)
    usual, short = (way.ask(json={"input": "rain"}) for way in ways)
    for way in ways:
        way.engine.refusal = None
    assert (short.status_code, short.json()) == (429, usual.json())
    advice = ("retry-after", "retry-after-ms", "x-request-id")
    assert [short.headers[name] for name in advice] == [usual.headers[name] for name in advice]
