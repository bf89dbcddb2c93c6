"""Every error has one shape over HTTP, the status that clients expect, and nothing of the server's insides."""

import json
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from pydantic import BaseModel

from commonspace.core import errors
from commonspace.core.errors import CommonspaceError, ItemError, Refusal
from commonspace.ingest.limits import ITEM_CODES
from commonspace.shell.api.errors import error_response, install_errors, item_status, told

STATUSES = {
    "CommonspaceError": 500,
    "UnsupportedModality": 415,
    "SpaceMismatch": 409,
    "ModelError": 500,
    "StoreError": 500,
    "StoreNotFound": 404,
    "StoreBusy": 409,
    "CorruptStore": 500,
    "MissingExtra": 400,
    "UsageError": 400,
    "Refusal": 500,
    "Unauthenticated": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "Conflict": 409,
    "TooLarge": 413,
    "Overloaded": 429,
    "RateLimited": 429,
    "DeadlineMissed": 504,
    "ClientGone": 499,
    "Unavailable": 503,
}
FIELDS = {"message", "type", "param", "code", "fix", "request_id"}


def answer(error: CommonspaceError, param: str | None = None) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and what is under ``error``."""
    status, headers, body = error_response(error, "req-1", param)
    document = json.loads(body)
    assert list(document) == ["error"]
    assert set(document["error"]) == FIELDS
    return status, headers, document["error"]


def test_every_class_of_error_has_its_status() -> None:
    classes = [each for each in errors.__all__ if each != "ItemError"]

    assert {name: answer(getattr(errors, name)("What.", fix="Do."))[0] for name in classes} == STATUSES


def test_every_item_code_is_413_415_or_422() -> None:
    given = {code: item_status(code) for code in ITEM_CODES}

    assert {code for code, status in given.items() if status == 413} == {"too_large", "too_many_pixels"}
    unsupported = {"refused_type", "unknown_codec", "unsupported_modality", "not_text"}
    assert {code for code, status in given.items() if status == 415} == unsupported
    assert set(given.values()) == {413, 415, 422}
    assert answer(ItemError("corrupt", "Broken.", fix="Mend."))[2]["code"] == "corrupt"


def test_an_error_says_what_happened_where_and_what_to_do() -> None:
    status, headers, body = answer(errors.UsageError("k is 0.", fix="Use 1 or more."), param="k")

    assert (status, headers["x-request-id"], headers["content-type"]) == (400, "req-1", "application/json")
    assert body == {
        "message": "k is 0. Use 1 or more.",
        "type": "invalid_request_error",
        "param": "k",
        "code": "usage",
        "fix": "Use 1 or more.",
        "request_id": "req-1",
    }


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0121, ("1", "13")), (2.0, ("2", "2000")), (2.0001, ("3", "2001")), (-1.0, ("0", "0")), (None, (None, None))],
)
def test_when_to_come_again_is_never_too_early(seconds: float | None, expected: tuple[str, str]) -> None:
    _, headers, _ = answer(errors.RateLimited("Used up.", fix="Wait.", retry_after_seconds=seconds))

    assert (headers.get("retry-after"), headers.get("retry-after-ms")) == expected


def test_a_missing_key_names_the_scheme_and_a_conflict_is_not_worth_a_retry() -> None:
    assert answer(errors.Unauthenticated("No key.", fix="Send one."))[1]["www-authenticate"].startswith("Bearer")
    assert answer(errors.Conflict("It is there.", fix="Choose another."))[1]["x-should-retry"] == "false"


@pytest.mark.parametrize("name", [name for name, status in STATUSES.items() if status == 500])
def test_what_is_our_own_fault_is_told_without_its_reason(name: str) -> None:
    _, _, body = answer(getattr(errors, name)("Row 7 of x.db is torn.", fix="Restore it."))

    assert (body["code"], "Row" in json.dumps(body)) == ("internal", False)


@pytest.mark.parametrize("error", [errors.StoreBusy, errors.StoreNotFound, errors.UsageError, errors.SpaceMismatch])
def test_no_path_of_the_server_and_no_repr_is_told(error: type[CommonspaceError]) -> None:
    cause = "'/srv/media/a.cs' (/var/lib/x/y.db), <Thing object at 0x7f00aa11bb22>, 0xdeadbeef12"

    text = json.dumps(answer(error(cause, fix="See /etc/commonspace/x.toml."))[2])

    assert not any(part in text for part in ("srv", "var", "etc/", "Thing", "7f00", "deadbeef"))


def test_an_endless_message_is_cut() -> None:
    assert len(told("x" * 10_000)) < 700


class Body(BaseModel):
    k: int
    names: list[str] = []


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    install_errors(app)

    @app.post("/things/{number}")
    def things(number: int, body: Body) -> str:
        return f"{number} {body.k}"

    @app.get("/refused")
    def refused(request: Request) -> str:
        request.state.param = "input.3"
        raise ItemError("too_large", "It has 9 bytes.", fix="Send 8.")

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("password of /srv/media/a.cs")

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("call", "status", "code", "param"),
    [
        (("POST", "/things/1", {"json": {"k": "x"}}), 400, "invalid_request", "k"),
        (("POST", "/things/1", {"json": {"k": 1, "names": ["a", 2]}}), 400, "invalid_request", "names.1"),
        (("POST", "/things/one", {"json": {"k": 1}}), 400, "invalid_request", "number"),
        (("POST", "/things/1", {}), 400, "invalid_request", None),
        (
            ("POST", "/things/1", {"content": b"{", "headers": {"content-type": "application/json"}}),
            400,
            "invalid_request",
            None,
        ),
        (("GET", "/nowhere", {}), 404, "not_found", None),
        (("GET", "/things/1", {}), 405, "method_not_allowed", None),
        (("GET", "/refused", {}), 413, "too_large", "input.3"),
        (("GET", "/broken", {}), 500, "internal", None),
    ],
    ids=lambda value: f"{value[0]} {value[1]}" if isinstance(value, tuple) else None,
)
def test_whatever_goes_wrong_in_an_app_has_the_one_shape(
    client: TestClient, call: tuple[str, str, dict[str, Any]], status: int, code: str, param: str | None
) -> None:
    method, path, given = call

    response = client.request(method, path, **given)

    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"], set(error)) == (status, code, param, FIELDS)
    assert "password" not in response.text


def test_only_a_refusal_knows_when_to_come_again() -> None:
    assert answer(Refusal("No.", fix="", retry_after_seconds=1.0))[1]["retry-after"] == "1"
    assert "retry-after" not in answer(errors.UsageError("No.", fix=""))[1]
