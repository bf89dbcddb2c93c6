"""When the clients try again, how long they wait, and what they say when it is over."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import Response

from commonspace.core.errors import (
    Conflict,
    DeadlineMissed,
    Forbidden,
    NotFound,
    Overloaded,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UsageError,
)
from commonspace.shell.client import Client, Patience
from commonspace.shell.client.message import Broken, Call, Loss, Outcome, Reply
from commonspace.shell.client.patience import retry_after_seconds
from commonspace.shell.client.reach import Reach, is_loopback
from commonspace.shell.client.steps import Line, Pause, Send
from commonspace.shell.client.steps import ask as flow
from tests.unit.shell.client.conftest import Asking
from tests.unit.shell.client.fake import FakeService, Seen, refusal, vector_of

QUICK = Patience(first_pause_seconds=0.001, longest_pause_seconds=0.002)
CALL = Call(method="POST", path="/v1/embeddings", document={})
GOOD = Reply(status=200, headers={}, body=b"{}")


def refused(status: int, code: str, headers: dict[str, str] | None = None) -> Callable[[Seen], Response]:
    return lambda _: refusal(status, code, "No.", headers)


def replied(status: int, **headers: str) -> Reply:
    return Reply(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=b"")


class Play:
    """A flow driven by hand: outcomes are given, and time goes by only in pauses and while waiting for an answer."""

    def __init__(self, outcomes: list[Outcome], *, draw: float = 1.0, seconds_an_answer: float = 0.0) -> None:
        self.now = 100.0
        self.outcomes = outcomes
        self.seconds_an_answer = seconds_an_answer
        self.pauses: list[float] = []
        self.told: list[int] = []
        self.line = Line(url="http://x", patience=Patience(), now=lambda: self.now, draw=lambda: draw)

    def run(self, call: Call = CALL, *, timeout_seconds: float = 60.0) -> Any:
        steps = flow(call, self.line.until(timeout_seconds))
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                return stop.value
            match step:
                case Pause(seconds=seconds):
                    self.pauses.append(seconds)
                    self.now += seconds
                    answer = None
                case Send():
                    self.told.append(int(step.call.headers["x-commonspace-timeout-ms"]))
                    self.now += self.seconds_an_answer
                    answer = self.outcomes.pop(0)


def test_a_refused_request_is_tried_again_until_it_is_answered(ask: Asking, service: FakeService) -> None:
    service.faults = [refused(429, "overloaded"), refused(503, "unavailable")]

    rows = ask("embed", ["a"], how={"patience": QUICK})

    assert rows[0].tolist() == vector_of("a").tolist()
    assert len(service.seen) == 3


def test_the_time_that_the_service_names_is_waited_for_in_full_with_jitter_on_top() -> None:
    play = Play([replied(429, retry_after_ms="1500", retry_after="2"), replied(503, retry_after="3"), GOOD], draw=0.5)

    assert play.run() is GOOD
    assert play.pauses == [pytest.approx(1.5 + 0.05), pytest.approx(3.0 + 0.1)]


def test_pauses_double_are_drawn_from_zero_on_and_have_an_end() -> None:
    patience = Patience(retries=9, first_pause_seconds=0.1, longest_pause_seconds=5.0)
    bare = replied(503)

    assert [patience.pause(CALL, bare, retry, 1.0) for retry in (1, 2, 3, 7, 9)] == [0.1, 0.2, 0.4, 5.0, 5.0]
    assert patience.pause(CALL, bare, 5, 0.0) == 0.0
    assert patience.pause(CALL, bare, 10, 0.5) is None


def test_tries_are_bounded(ask: Asking, service: FakeService) -> None:
    service.faults = [refused(429, "overloaded") for _ in range(9)]

    with pytest.raises(Overloaded):
        ask("embed", ["a"], how={"patience": Patience(retries=2, first_pause_seconds=0.001)})

    assert len(service.seen) == 3


def test_each_try_tells_the_service_what_is_left_of_the_time() -> None:
    play = Play([replied(429, retry_after="2"), replied(429, retry_after="2"), GOOD], draw=0.0, seconds_an_answer=1.0)

    play.run(timeout_seconds=10.0)

    assert play.told == [10_000, 7_000, 4_000]


def test_no_try_is_made_that_would_come_too_late() -> None:
    play = Play([replied(429, retry_after="30")])

    with pytest.raises(Overloaded) as caught:
        play.run(timeout_seconds=10.0)

    assert caught.value.retry_after_seconds == 30.0
    assert play.pauses == []


def test_the_deadline_is_told_over_http_too(ask: Asking, service: FakeService) -> None:
    ask("embed", ["a"], timeout=5.0)

    assert 0 < int(service.seen[0].headers["x-commonspace-timeout-ms"]) <= 5_000


def test_a_service_that_does_not_answer_in_time_is_not_waited_for(ask: Asking, service: FakeService) -> None:
    endless = asyncio.Event()

    class Never(Response):
        async def __call__(self, scope: object, receive: Callable[[], Any], send: object) -> None:
            del scope, send
            while (await receive())["type"] != "http.disconnect":
                await endless.wait()

    service.faults = [lambda _: Never()]

    with pytest.raises(DeadlineMissed):
        ask("embed", ["a"], timeout=0.2)


@pytest.mark.parametrize(
    ("loss", "repeatable", "again"),
    [
        (Loss.NOT_SENT, False, True),
        (Loss.NOT_ANSWERED, True, True),
        (Loss.NOT_ANSWERED, False, False),
        (Loss.TIMED_OUT, True, False),
    ],
)
def test_a_lost_request_is_sent_again_only_where_that_does_no_harm(loss: Loss, repeatable: bool, again: bool) -> None:  # noqa: FBT001
    call = Call(method="POST", path="/", repeatable=repeatable)
    pause = Patience().pause(call, Broken(loss=loss, words="gone"), 1, 0.5)

    assert (pause is not None) is again


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500, 504])
def test_what_a_further_try_does_not_mend_is_not_tried_again(status: int) -> None:
    assert Patience().pause(CALL, replied(status), 1, 0.5) is None


def test_a_service_that_is_not_there_is_named(service: FakeService) -> None:
    del service
    with Client("http://127.0.0.1:9", patience=QUICK) as client, pytest.raises(Unavailable, match="commonspace serve"):
        client.embed(["a"])


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthenticated", Unauthenticated),
        (403, "forbidden", Forbidden),
        (404, "not_found", NotFound),
        (409, "conflict", Conflict),
        (413, "request_too_large", TooLarge),
        (429, "rate_limited", RateLimited),
        (504, "deadline_missed", DeadlineMissed),
        (503, "unavailable", Unavailable),
        (400, "invalid_request", UsageError),
        (500, "internal", Unavailable),
    ],
)
def test_errors_come_back_as_the_houses_own(
    ask: Asking, service: FakeService, status: int, code: str, kind: type[Exception]
) -> None:
    service.faults = [refused(status, code)]

    with pytest.raises(kind, match="No") as caught:
        ask("embed", ["a"], how={"patience": Patience(retries=0)})

    assert caught.value.fix == "Do better."  # type: ignore[attr-defined]
    assert caught.value.__notes__ == ["request id: req-1"]


def test_a_proxys_own_error_page_is_told_in_its_words(ask: Asking, service: FakeService) -> None:
    service.faults = [lambda _: Response("<h1>Bad gateway</h1>", 502)]

    with pytest.raises(Unavailable, match="502: <h1>Bad gateway"):
        ask("embed", ["a"])


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after-ms": "250", "retry-after": "2"}, 0.25),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_when_to_come_again_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)) == seconds


def test_the_key_comes_from_the_environment_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONSPACE_API_KEY", "from-environment")
    reach = Reach.of("http://127.0.0.1:1/", None)

    assert reach.headers() == {"authorization": "Bearer from-environment"}
    assert Reach.of(None, "given").key == "given"
    with Client(reach.url) as client:
        assert "from-environment" not in f"{reach!r} {client!r} {vars(client)!r}"


@pytest.mark.parametrize(
    "url", ["ftp://x", "127.0.0.1:7700", "http://", "http://user:word@host", "http://[", "http://x:y"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="address"):
        Reach.of(url, None)


def test_a_key_that_no_header_can_hold_is_refused_without_showing_it() -> None:
    with pytest.raises(UsageError) as caught:
        Reach.of(None, "se\ncret")

    assert "cret" not in str(caught.value)


def test_loopback_is_known_by_number_and_by_name() -> None:
    assert [is_loopback(f"http://{host}") for host in ("127.0.0.1:1", "[::1]:1", "localhost", "10.0.0.1", "x.org")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_no_time_at_all_is_a_mistake(ask: Asking, timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        ask("embed", ["a"], timeout=timeout)


def test_a_priority_that_is_none_is_a_mistake(ask: Asking) -> None:
    with pytest.raises(UsageError, match="interactive or bulk"):
        ask("embed", ["a"], priority="urgent")
