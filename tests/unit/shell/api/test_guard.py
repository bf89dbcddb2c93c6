"""Who may pass the door, in what shape, and what is written down about it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from commonspace.core.errors import UsageError
from commonspace.serve.access import Scope
from commonspace.serve.groups import Rates, Server
from commonspace.serve.keys import Keyring
from commonspace.serve.rates import Buckets
from commonspace.shell.api.guard import Guard
from tests.unit.shell.api.doorway import BEYOND, Doorway

EMBED = "/v1/embeddings"
FIELDS = {"message", "type", "param", "code", "fix", "request_id"}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Doorway]:
    with Doorway(tmp_path) as door:
        yield door


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Doorway]:
    with Doorway(tmp_path, server=Server(body_bytes=1000)) as door:
        yield door


def code(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, its shape checked."""
    error = response.json()["error"]
    assert set(error) == FIELDS
    assert error["request_id"] == response.headers["x-request-id"]
    return response.status_code, error["code"]


def test_a_key_opens_what_its_scope_says_for_its_tenant(door: Doorway) -> None:
    response = door.ask("POST", EMBED, json={"input": "a"}, headers=door.key(Scope.EMBED))

    assert (response.status_code, response.json()["tenant"]) == (200, "acme")


def test_a_key_may_come_as_x_api_key(door: Doorway) -> None:
    text = door.key()["authorization"].removeprefix("Bearer ")

    assert door.ask("POST", EMBED, json={"input": "a"}, headers={"x-api-key": text}).status_code == 200


def operations(door: Doorway) -> list[tuple[str, str, str]]:
    """Method, path and scope of every route in the document."""
    return [
        (method.upper(), path.replace("{name}", "media"), operation["x-required-scope"])
        for path, methods in door.app.openapi()["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_refuses_whoever_may_not_pass_and_reaches_nothing(door: Doorway) -> None:
    revoked, expired = door.key(), door.key(seconds=1e-6)
    door.keys.revoke(door.keys.keys()[0].id)
    wrong = {"none": {}, "revoked": revoked, "expired": expired, "other": {"authorization": "Bearer sk-x"}, "basic": {}}
    wrong["basic"] = {"authorization": revoked["authorization"].replace("Bearer", "Basic")}
    closed = [each for each in operations(door) if each[2] != "none"]

    assert len(closed) == 4
    for method, path, scope in closed:
        for headers in wrong.values():
            response = door.ask(method, path, headers=headers, content=b"{}")
            assert code(response) == (401, "unauthenticated")
            assert response.headers["www-authenticate"].startswith("Bearer")
        lacking = door.key(*(each for each in Scope if each != scope))
        assert code(door.ask(method, path, headers=lacking, content=b"{}")) == (403, "forbidden")
    assert door.reached == []


def test_whether_it_lives_may_be_asked_by_all(door: Doorway) -> None:
    assert door.ask("GET", "/livez").status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/openapi.json", "/docs"])
def test_metrics_and_document_need_a_key_beyond_loopback_only(path: str, door: Doorway) -> None:
    assert door.ask("GET", path).status_code == 401
    assert door.ask("GET", path, headers=door.key(Scope.ADMIN)).status_code == 200
    expected = 403 if path == "/metrics" else 200
    assert door.ask("GET", path, headers=door.key(Scope.SEARCH)).status_code == expected


@pytest.mark.parametrize("path", ["/metrics", "/openapi.json", "/docs", "/v1/stores/a/search"])
def test_on_loopback_no_key_is_asked_for(path: str, local: Doorway) -> None:
    assert local.ask("GET", path).status_code == 200
    assert local.ask("GET", path, headers={"authorization": "Bearer sk-whatever-the-client-sends"}).status_code == 200


def test_on_loopback_a_key_of_ours_still_counts(local: Doorway) -> None:
    headers = local.key(Scope.EMBED, tenant="acme")
    assert local.ask("POST", EMBED, json={"input": "a"}, headers=headers).json()["tenant"] == "acme"
    assert local.ask("POST", EMBED, json={"input": "a"}).json()["tenant"] == "local"

    local.keys.revoke(local.keys.keys()[0].id)
    assert local.ask("POST", EMBED, json={"input": "a"}, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "evil.example:7700"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "localhost:7700"}, 200),
        ({"host": "[::1]:7700"}, 200),
        ({"origin": "http://127.0.0.1:3000"}, 200),
    ],
    ids=str,
)
def test_without_keys_a_web_page_of_elsewhere_gets_nothing(
    headers: dict[str, str], expected: int, local: Doorway
) -> None:
    response = local.ask("POST", EMBED, json={"input": "a"}, headers=headers)

    assert (response.status_code, len(local.reached)) == (expected, int(expected == 200))


def test_what_is_not_there_is_told_only_to_those_with_a_key(door: Doorway) -> None:
    assert door.ask("GET", "/nowhere").status_code == 401
    assert code(door.ask("GET", "/nowhere", headers=door.key())) == (404, "not_found")
    refused = door.ask("DELETE", EMBED, headers=door.key())
    assert (*code(refused), refused.headers["allow"]) == (405, "method_not_allowed", "POST")


async def endless() -> AsyncIterator[bytes]:
    """A body that goes on."""
    for _ in range(100_000):
        yield b"x" * 100


@pytest.mark.parametrize("path", [EMBED, "/v1/stores/media/items"])
@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream", "multipart/form-data; boundary=x"])
def test_a_body_over_the_limit_is_refused_announced_or_not(path: str, kind: str, door: Doorway) -> None:
    headers = {**door.key(), "content-type": kind}

    announced = door.ask("POST", path, content=b"x" * 1001, headers=headers)
    streamed = door.ask("POST", path, content=endless(), headers=headers)

    assert code(announced) == code(streamed) == (413, "request_too_large")
    assert door.reached == []
    assert all(line["bytes_in"] <= 1100 for line in door.lines())


def test_a_body_of_exactly_the_limit_passes(door: Doorway) -> None:
    headers = {**door.key(), "content-type": "application/octet-stream"}

    assert door.ask("POST", "/v1/stores/media/items", content=b"x" * 1000, headers=headers).status_code == 200
    assert door.reached == [("media", 1000)]


def test_json_that_is_too_deep_is_refused_before_it_is_parsed(door: Doorway) -> None:
    deep, fine = b'{"a":' + b"[" * 4 + b"]" * 4 + b"}", b'{"input":"[[[[[[[[","a":[[[1]]]}'

    refused = door.ask("POST", EMBED, content=deep, headers={**door.key(), "content-type": "application/json"})
    passed = door.ask("POST", EMBED, content=fine, headers={**door.key(), "content-type": "application/json"})

    assert (code(refused), passed.status_code) == ((400, "usage"), 200)
    assert door.reached == [json.loads(fine)]


def test_only_so_many_requests_are_answered_at_once(door: Doorway) -> None:
    headers = door.key()

    async def run() -> list[httpx.Response]:
        async with door.client() as client:
            held = [asyncio.create_task(client.post(EMBED, json={"input": "wait"}, headers=headers)) for _ in range(2)]
            while len(door.reached) < 2:  # noqa: ASYNC110  the loop is let run until both have arrived
                await asyncio.sleep(0)
            more = [await client.post(EMBED, json={}, headers=headers), await client.get("/livez")]
            door.waiting.set()
            return [*more, *await asyncio.gather(*held), await client.post(EMBED, json={}, headers=headers)]

    refused, alive, *held, after = asyncio.run(run())

    assert (code(refused), refused.headers["retry-after"]) == ((429, "overloaded"), "1")
    assert [each.status_code for each in (alive, *held, after)] == [200] * 4


def test_every_answer_is_dressed(door: Doorway) -> None:
    responses = [door.ask("GET", "/livez"), door.ask("GET", "/nowhere"), door.ask("GET", "/docs", headers=door.key())]

    for response in responses:
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert re.fullmatch(r"req-[0-9a-f]{24}", response.headers["x-request-id"])
        assert "server" not in response.headers
    assert ["content-security-policy" in each.headers for each in responses] == [True, True, False]


@pytest.mark.parametrize(("given", "kept"), [("abc-1.2_3", True), ("a" * 65, False), ("a b", False), ('"}', False)])
def test_a_sane_request_id_is_kept_and_any_other_replaced(given: str, kept: bool, door: Doorway) -> None:  # noqa: FBT001
    response = door.ask("POST", EMBED, json={}, headers={**door.key(), "x-request-id": given})

    assert (response.headers["x-request-id"] == given) is kept
    assert response.json()["request_id"] == response.headers["x-request-id"]


def test_rates_are_told_and_kept(tmp_path: Path) -> None:
    with Doorway(tmp_path, rates=Rates(compute_milliseconds=100.0, burst_seconds=2.0)) as door:
        headers = door.key()
        first = door.ask("POST", EMBED, json={"cost": 50.0}, headers=headers)
        door.ask("POST", EMBED, json={"cost": 300.0}, headers=headers)
        refused = door.ask("POST", EMBED, content=b"{}" * 400, headers=headers)
        door.now += int(refused.headers["retry-after-ms"]) / 1000
        after = door.ask("POST", EMBED, json={}, headers=headers)

    assert [first.headers[f"x-ratelimit-{name}-compute-ms"] for name in ("limit", "remaining", "reset")] == [
        *("200", "150", "500"),
    ]
    assert (code(refused), refused.headers["retry-after"]) == ((429, "rate_limited"), "2")
    assert (after.status_code, len(door.reached)) == (200, 3)


def test_what_was_refused_by_the_engine_is_answered_in_the_same_shape(door: Doorway) -> None:
    response = door.ask("POST", EMBED, json={"input": "busy"}, headers=door.key())

    assert (code(response), response.headers["retry-after-ms"]) == ((429, "overloaded"), "1500")


def test_keys_that_cannot_be_checked_stop_the_start(door: Doorway) -> None:
    with pytest.raises(UsageError, match="no keyring"):
        Guard(door.app, table=door.table, server=BEYOND, keys=None, buckets=Buckets(Rates(), lambda: 0.0))


def test_the_log_line_has_the_route_and_no_content(door: Doorway) -> None:
    headers = door.key(Scope.SEARCH)
    door.ask("GET", "/v1/stores/my-secret-store/search?q=my+secret+query", headers={**headers, "x-request-id": "r1"})

    (line,) = door.lines()
    assert line.pop("milliseconds") >= 0
    assert {name: line[name] for name in ("request_id", "tenant", "method", "route", "status", "cause")} == {
        "request_id": "r1",
        "tenant": "acme",
        "method": "GET",
        "route": "/v1/stores/{name}/search",
        "status": 200,
        "cause": None,
    }
    assert line["key_id"] == door.keys.keys()[0].id
    assert not re.search(r"secret|cs_[0-9A-Za-z]{8}_", door.log.getvalue())


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", EMBED, {"input": "busy"}, (429, "overloaded", EMBED)),
        ("POST", EMBED, {"input": "break"}, (500, "RuntimeError", EMBED)),
        ("POST", EMBED, [1], (400, "invalid_request", EMBED)),
        ("GET", "/a/raw/path/somebody/sent", None, (404, "not_found", None)),
    ],
)
def test_the_log_line_says_why_a_request_was_refused(
    method: str, path: str, body: Any, expected: tuple[int, str, str | None], door: Doorway
) -> None:
    response = door.ask(method, path, json=body, headers=door.key())

    (line,) = door.lines()
    assert (line["status"], line["cause"], line["route"]) == expected
    assert response.status_code == expected[0]
    assert not re.search(r"somebody|Traceback", response.text + door.log.getvalue())


def test_an_unknown_key_leaves_no_trace_of_itself(door: Doorway, tmp_path: Path) -> None:
    other = Keyring.open(tmp_path)
    text = door.key()["authorization"]
    other.revoke(other.keys()[0].id)
    other.close()

    door.ask("POST", EMBED, json={}, headers={"authorization": text, "x-request-id": text.split()[1][:64]})

    assert door.lines()[0]["cause"] == "unauthenticated"
    assert text.split("_")[2] not in door.log.getvalue()
