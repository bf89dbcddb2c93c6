"""Every answer is counted once, whoever gave it: by its route's template and status, refusals by their cause."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from commonspace.serve.meters import Meters
from commonspace.shell.api.metered import Metered


def answered(
    status: int | None, *, route: str | None = None, own: str | None = None, inner: str | None = None
) -> Meters:
    """What the meters say after one request that an app answered so, with what the guard and the app left behind."""
    meters = Meters()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        scope["state"]["visit"] = SimpleNamespace(route=route, cause=own)
        scope["state"]["cause"] = inner
        if status is not None:
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def nothing(*_: Any) -> Any:
        return {}

    ticks = iter((1.0, 3.5))
    metered = Metered(app, meters, clock=lambda: next(ticks))
    asyncio.run(metered({"type": "http", "path": "/v1/stores/mine"}, nothing, nothing))
    return meters


def value(meters: Meters, name: str, **labels: str) -> float | None:
    return meters.registry.get_sample_value(f"commonspace_{name}", labels)


def test_an_answer_is_counted_by_the_routes_template_and_timed() -> None:
    meters = answered(200, route="/v1/stores/{name}")

    assert value(meters, "requests_total", route="/v1/stores/{name}", status="200") == 1
    assert value(meters, "request_seconds_sum", route="/v1/stores/{name}") == 2.5


def test_an_address_that_is_no_route_does_not_become_a_label() -> None:
    assert value(answered(404), "requests_total", route="none", status="404") == 1


def test_a_client_that_left_is_a_499() -> None:
    meters = answered(None, route="/v1/embeddings")

    assert value(meters, "requests_total", route="/v1/embeddings", status="499") == 1


@pytest.mark.parametrize(
    ("own", "inner", "cause", "expected"),
    [
        ("unauthenticated", None, "unauthenticated", 1),
        ("overloaded", None, "overloaded", 1),
        (None, "rate_limited", "rate_limited", 1),
        (None, "request_too_large", "request_too_large", 1),
        (None, "overloaded", "overloaded", None),
        (None, "corrupt", "corrupt", None),
    ],
)
def test_a_refusal_is_counted_unless_the_engine_has_counted_it(
    own: str | None, inner: str | None, cause: str, expected: float | None
) -> None:
    assert value(answered(429, own=own, inner=inner), "refusals_total", cause=cause) == expected
