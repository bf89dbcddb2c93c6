"""``POST /v1/embeddings``: OpenAI's address and words, for everything the space takes."""

import base64
import time
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response

from commonspace.core.errors import ItemError
from commonspace.serve.access import Scope
from commonspace.serve.answer import Usage
from commonspace.serve.fetch import Fetcher
from commonspace.shell.api.embedding_models import EmbeddingsAnswer, EmbeddingsBody
from commonspace.shell.api.errors import item_status, told
from commonspace.shell.api.part_models import Content, Item, Message, TextPart
from commonspace.shell.api.parts import Wish, wished
from commonspace.shell.api.running import Embedded, backend_of, check_model, embed_wishes, fail_first
from commonspace.shell.api.scopes import needs
from commonspace.shell.api.terms import terms_of

__all__ = ["PATH", "embed", "router"]

router = APIRouter()
PATH: Final = "/v1/embeddings"
JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
ROWS: Final = {"schema": {"type": "string", "format": "binary"}, "example": "(384 float32 numbers a row)"}


@router.post(
    PATH,
    operation_id="embed",
    summary="Embed texts, pictures, sounds and videos",
    response_model=EmbeddingsAnswer,
    responses={
        200: {
            "content": {BYTES: ROWS},
            "description": "The vectors, in the order of the input; with encoding_format bytes, rows of float32.",
        }
    },
    openapi_extra=needs(Scope.EMBED),
)
async def embed(body: EmbeddingsBody, request: Request) -> Response:
    """One vector for each item, all in one space: compare them by their dot product."""
    started = time.monotonic()
    backend = backend_of(request)
    check_model(backend, body.model)
    terms = terms_of(request, timeout_ms=body.timeout_ms, priority=body.priority)
    wishes = [await _attempt(item, backend.fetcher) for item in _items(body)]
    results = await embed_wishes(request, wishes, terms, body.dimensions)
    per_item = body.error_policy == "per_item"
    vectors = results if per_item else fail_first(request, results, "input" if body.messages is None else "messages")
    if body.encoding_format == "bytes":
        return _as_bytes(fail_first(request, vectors, "input"), backend.engine.space.fingerprint)
    answer = {
        "object": "list",
        "data": _data(vectors, as_text=body.encoding_format == "base64"),
        "model": backend.model.name,
        "fingerprint": backend.engine.space.fingerprint,
        **_facts([each for each in vectors if isinstance(each, Embedded)], started),
        **(_failures(vectors) if per_item else {}),
    }
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type=JSON)


def _items(body: EmbeddingsBody) -> Sequence[Item]:
    if body.messages is not None:
        talks = body.messages if isinstance(body.messages[0], list) else [body.messages]
        return [_content(talk) for talk in talks]
    given = body.input
    return given if isinstance(given, list) else [given] if given is not None else []


def _content(talk: Any) -> Content:
    """All that a conversation says and shows, as one item."""
    turns: list[Message] = list(talk)
    said = (
        [TextPart(type="text", text=turn.content)] if isinstance(turn.content, str) else turn.content for turn in turns
    )
    return Content.model_construct(content=list(chain.from_iterable(said)))


async def _attempt(item: Item, fetcher: Fetcher) -> Wish | ItemError:
    try:
        wish = await wished(item, fetcher)
    except ItemError as error:
        return error
    nothing = ItemError("empty", "The item has no parts.", fix="Give it a text or a picture.")
    return wish or nothing


def _data(results: Sequence[Embedded | ItemError], *, as_text: bool) -> list[dict[str, Any]]:
    return [
        {
            "object": "embedding",
            "index": index,
            "embedding": _base64(each) if as_text else each.vector,
            "modality": each.modality,
            "truncated": each.truncated,
            "cached": each.cached,
            "notes": each.notes,
        }
        for index, each in enumerate(results)
        if isinstance(each, Embedded)
    ]


def _base64(embedded: Embedded) -> str:
    return base64.b64encode(embedded.vector.astype("<f4", copy=False).tobytes()).decode("ascii")


def _as_bytes(results: Sequence[Embedded], fingerprint: str) -> Response:
    rows = np.stack([each.vector for each in results]).astype("<f4", copy=False)
    shape = ",".join(str(size) for size in rows.shape)
    return Response(
        rows.tobytes(),
        media_type=BYTES,
        headers={"x-commonspace-shape": shape, "x-commonspace-fingerprint": fingerprint},
    )


def _facts(results: Sequence[Embedded], started: float) -> dict[str, Any]:
    """Usage, truncation and times of those that have a vector."""
    used = sum((each.usage for each in results), Usage())
    times = [each.timing for each in results]
    return {
        "usage": {
            "prompt_tokens": used.tokens,
            "total_tokens": used.tokens,
            "text_tokens": used.tokens,
            "image_pixels": used.pixels,
            "media_seconds": round(used.seconds, 3),
            "table_cells": used.cells,
        },
        "truncated": any(each.truncated for each in results),
        "timing": {
            "decode_ms": _milliseconds(max((each.decode_seconds for each in times), default=0.0)),
            "queue_ms": _milliseconds(max((each.queue_seconds for each in times), default=0.0)),
            "inference_ms": _milliseconds(max((each.inference_seconds for each in times), default=0.0)),
            "total_ms": _milliseconds(time.monotonic() - started),
        },
    }


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 3)


def _failures(results: Sequence[Embedded | ItemError]) -> dict[str, Any]:
    errors = [
        {
            "index": index,
            "code": each.item_code,
            "message": told(each.cause),
            "fix": told(each.fix),
            "status": item_status(each.item_code),
        }
        for index, each in enumerate(results)
        if isinstance(each, ItemError)
    ]
    num_failed = len(errors)
    summary = {"total": len(results), "succeeded": len(results) - num_failed, "failed": num_failed}
    return {"errors": errors, "summary": summary}
