"""Plain embedding requests, strings and nothing unusual, go to their route without the framework's way there.

Routing, dependencies and validation cost more than a short text's place in a batch. What is not surely valid by the
few checks here takes the usual way, so the rules of a request and the words of its errors stand in one place.
"""

from collections.abc import Mapping
from typing import Any, Final, final

import orjson
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from commonspace.core.errors import CommonspaceError
from commonspace.serve.terms import Urgency
from commonspace.shell.api.embedding_models import EmbeddingsBody
from commonspace.shell.api.embeddings import PATH, embed
from commonspace.shell.api.errors import own_response

__all__ = ["Plain", "plain_body"]

FORMATS: Final = frozenset({"float", "base64", "bytes"})
CLASSES: Final = {each.value: each for each in Urgency}
NAME_CHARS: Final = 200
JSON: Final = frozenset({b"application/json", b"application/json; charset=utf-8"})


@final
class Plain:
    """Answers what ``plain_body`` knows by the route's own function; passes everything else on, untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if not _is_meant(scope):
            await self._app(scope, receive, send)
            return
        first: Message | None = await receive()
        body = None
        if first is not None and first["type"] == "http.request" and not first.get("more_body", False):
            body = plain_body(first.get("body", b""))
        if body is None:
            await self._app(scope, _again(first, receive), send)
            return
        request = Request(scope, receive)
        try:
            response = await embed(body, request)
        except CommonspaceError as error:
            response = await own_response(request, error)
        await response(scope, receive, send)


def plain_body(data: bytes) -> EmbeddingsBody | None:
    """The body of a plain request, as validation would have it; None where only validation can say what it is."""
    try:
        given = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(given, dict):
        return None
    texts = given.get("input")
    good = all(name in CHECKS and CHECKS[name](value) for name, value in given.items())
    if not good or not (_is_text(texts) or (isinstance(texts, list) and texts and all(map(_is_text, texts)))):
        return None
    return EmbeddingsBody.model_construct(**_read(given))


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the types that the fields have."""
    read = dict(given)
    if "priority" in given:
        read["priority"] = CLASSES[given["priority"]]
    if "timeout_ms" in given:
        read["timeout_ms"] = float(given["timeout_ms"])
    return read


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_name(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= NAME_CHARS)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= DAY_MILLISECONDS


DAY_MILLISECONDS: Final = 86_400_000
CHECKS: Final = {
    "input": lambda value: isinstance(value, str | list),
    "model": _is_name,
    "user": _is_name,
    "encoding_format": lambda value: isinstance(value, str) and value in FORMATS,
    "priority": lambda value: isinstance(value, str) and value in CLASSES,
    "timeout_ms": _is_time,
}
"""The fields that are read here, each with what it must be."""


def _is_meant(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
        return False
    kinds = [value.lower() for name, value in scope["headers"] if name == b"content-type"]
    return len(kinds) == 1 and kinds[0] in JSON


def _again(first: Message | None, receive: Receive) -> Receive:
    """The same messages, with the one that has been looked at."""

    async def replayed() -> Message:
        nonlocal first
        if first is None:
            return await receive()
        message, first = first, None
        return message

    return replayed
