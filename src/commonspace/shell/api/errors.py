"""The one shape of every error over HTTP, its status, and what of an error may be told to strangers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final, final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from commonspace.core.errors import (
    ClientGone,
    CommonspaceError,
    Conflict,
    DeadlineMissed,
    Forbidden,
    ItemError,
    MissingExtra,
    NotFound,
    Overloaded,
    RateLimited,
    Refusal,
    SpaceMismatch,
    StoreBusy,
    StoreNotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedModality,
    UsageError,
)
from commonspace.serve.logs import redacted

__all__ = [
    "error_response",
    "framework_response",
    "install_errors",
    "internal_response",
    "item_status",
    "own_response",
    "status_of",
    "told",
]

STATUSES: Final[dict[type[CommonspaceError], int]] = {
    UsageError: 400,
    MissingExtra: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    StoreNotFound: 404,
    Conflict: 409,
    SpaceMismatch: 409,
    StoreBusy: 409,
    TooLarge: 413,
    UnsupportedModality: 415,
    Overloaded: 429,
    RateLimited: 429,
    ClientGone: 499,
    Unavailable: 503,
    DeadlineMissed: 504,
}
ITEM_STATUSES: Final = {
    **dict.fromkeys(("too_large", "too_many_pixels"), 413),
    **dict.fromkeys(("refused_type", "unknown_codec", "unsupported_modality", "not_text"), 415),
}
TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
HTTP_CODES: Final = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}
HTTP_CAUSES: Final = {
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    413: "The request is too large.",
}
ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{6,}")
FOREIGN: Final = re.compile(r"<[\w.]+ object at [^>]*>")
MAX_CHARS: Final = 600
INTERNAL: Final = CommonspaceError(
    "Something went wrong inside the service.", fix="Try again; if it stays, tell the operator the request id."
)
QUIET: Final[dict[type[CommonspaceError], CommonspaceError]] = {
    StoreNotFound: NotFound("There is no such store.", fix="`GET /v1/stores` lists yours."),
    StoreBusy: Conflict("Another program is writing to this store.", fix="Try again when it has finished."),
}
"""What is told instead of errors whose own words name places on the server."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    status: int
    code: str
    cause: str
    fix: str
    param: str | None = None


def item_status(item_code: str) -> int:
    """The status of an item that cannot be used: 413, 415 or 422."""
    return ITEM_STATUSES.get(item_code, 422)


def status_of(error: CommonspaceError) -> int:
    """The status of an error; what is nobody's mistake but ours is a 500."""
    return item_status(error.item_code) if isinstance(error, ItemError) else STATUSES.get(type(error), 500)


def told(text: str) -> str:
    """A message fit for strangers: no key, no place on the server, nothing's ``repr``, not endless."""
    clean = ADDRESS.sub("[address]", FOREIGN.sub("[object]", redacted(text)))
    return clean if len(clean) <= MAX_CHARS else f"{clean[:MAX_CHARS]}..."


def error_response(
    error: CommonspaceError, request_id: str, param: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an error; ``param`` is the dotted place in the request that it is about."""
    status = status_of(error)
    shown = INTERNAL if status == 500 else QUIET.get(type(error), error)
    code = error.item_code if isinstance(error, ItemError) else error.code
    code = "internal" if status == 500 else code
    body = _body(_Told(status=status, code=code, cause=shown.cause, fix=shown.fix, param=param), request_id)
    return status, {**_headers(request_id), **_advice(error, status)}, body


def framework_response(request_id: str, allowed: Sequence[str]) -> tuple[int, dict[str, str], bytes]:
    """The answer to an address that is not there, or that takes only some methods."""
    status = 405 if allowed else 404
    headers = _headers(request_id) | ({"allow": ", ".join(allowed)} if allowed else {})
    return status, headers, _body(_framework(status), request_id)


def internal_response(request_id: str) -> tuple[int, dict[str, str], bytes]:
    """The answer when something broke that is nobody's mistake but ours."""
    return 500, _headers(request_id), _body(_framework(500), request_id)


def install_errors(app: FastAPI) -> None:
    """Answer every error of an app in the one shape. A route may say where with ``request.state.param``.

    The handlers are asynchronous, or each refusal would cost a turn in a thread.
    """
    app.add_exception_handler(CommonspaceError, own_response)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def own_response(request: Request, error: Exception) -> Response:
    """The answer to an error of ours, whose code is left for the log."""
    if not isinstance(error, CommonspaceError):
        return await _unexpected(request, error)
    status, headers, body = error_response(error, _request_id(request), getattr(request.state, "param", None))
    request.state.cause = error.item_code if isinstance(error, ItemError) else error.code
    return Response(body, status, headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    request.state.cause = type(error).__name__
    status, headers, body = internal_response(_request_id(request))
    return Response(body, status, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    """The first thing wrong, and how many more; OpenAI answers 400 where FastAPI would say 422."""
    found: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    first = found[0] if found else {"loc": (), "msg": "The request is not valid"}
    place = ".".join(str(part) for part in first["loc"][1:])[:200] or None
    if first.get("type") == "json_invalid":
        cause, place = "The body is not valid JSON.", None
    else:
        reason = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
        cause = f"{place}: {reason}." if place else f"{reason}."
    more = f" {len(found) - 1} more places are wrong." if len(found) > 1 else ""
    request.state.cause = "invalid_request"
    told_now = _Told(
        status=400,
        code="invalid_request",
        cause=cause + more,
        fix="Compare the request with the schema in /openapi.json.",
        param=place,
    )
    request_id = _request_id(request)
    return Response(_body(told_now, request_id), 400, _headers(request_id))


async def _http(request: Request, error: Exception) -> Response:
    """What the framework refuses: unknown routes, methods, bodies that cannot be read."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    given = dict((error.headers if isinstance(error, HTTPException) else None) or {})
    what, request_id = _framework(status), _request_id(request)
    request.state.cause = what.code
    return Response(_body(what, request_id), status, {**given, **_headers(request_id)})


def _framework(status: int) -> _Told:
    if status >= 500:
        return _Told(status=status, code="internal", cause=INTERNAL.cause, fix=INTERNAL.fix)
    cause = HTTP_CAUSES.get(status, "The request cannot be read.")
    fix = "/openapi.json lists every address and what it takes."
    return _Told(status=status, code=HTTP_CODES.get(status, "bad_request"), cause=cause, fix=fix)


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def _headers(request_id: str) -> dict[str, str]:
    return {"content-type": "application/json", "x-request-id": request_id}


def _advice(error: CommonspaceError, status: int) -> dict[str, str]:
    """When to come again, and whether that makes sense at all."""
    advice = {"www-authenticate": 'Bearer realm="commonspace"'} if status == 401 else {}
    if isinstance(error, Conflict | SpaceMismatch):
        advice["x-should-retry"] = "false"
    if isinstance(error, Refusal) and error.retry_after_seconds is not None:
        seconds = max(0.0, error.retry_after_seconds)
        advice |= {"retry-after": str(ceil(seconds)), "retry-after-ms": str(ceil(seconds * 1000))}
    return advice


def _body(what: _Told, request_id: str) -> bytes:
    """The message ends with the fix, for OpenAI's clients show nothing else; the fix alone stands beside it."""
    cause, fix = told(what.cause), told(what.fix)
    usual = "server_error" if what.status >= 500 else "invalid_request_error"
    return orjson.dumps(
        {
            "error": {
                "message": f"{cause} {fix}",
                "type": TYPES.get(what.status, usual),
                "param": what.param and told(what.param),
                "code": what.code,
                "fix": fix,
                "request_id": request_id,
            }
        }
    )
