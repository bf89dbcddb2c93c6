"""``POST /v2/embed``: Cohere's address and words."""

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self, final

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from commonspace.core.errors import ItemError
from commonspace.serve.access import Scope
from commonspace.serve.answer import Usage
from commonspace.serve.fetch import Fetcher
from commonspace.serve.terms import Urgency
from commonspace.shell.api.choices import one_of
from commonspace.shell.api.part_models import Content, ImagePart
from commonspace.shell.api.parts import Wish, wished
from commonspace.shell.api.running import Embedded, backend_of, check_model, embed_wishes, fail_first
from commonspace.shell.api.scopes import needs
from commonspace.shell.api.terms import terms_of

__all__ = ["quantized", "router"]

router = APIRouter()
SPREAD: Final = 4.0
"""A unit vector's numbers have a spread of 1 / sqrt(d); int8 covers so many of it on either side."""

Kind = Literal["float", "int8", "uint8", "binary", "ubinary", "base64"]


@final
class EmbedBody(BaseModel):
    """Give one of ``texts``, ``images`` and ``inputs``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "model": "nano",
                    "input_type": "search_query",
                    "texts": ["rain on a roof"],
                    "embedding_types": ["float", "int8"],
                }
            ],
            **one_of("texts", "images", "inputs"),
        },
    )

    model: Annotated[str | None, Field(max_length=200)] = None
    input_type: Annotated[
        Literal["search_document", "search_query", "classification", "clustering", "image"],
        Field(description="A `search_query` is embedded as a query, where the space has another way for queries."),
    ] = "search_document"
    texts: Annotated[list[str] | None, Field(min_length=1)] = None
    images: Annotated[list[str] | None, Field(min_length=1, description="Data URIs.")] = None
    inputs: Annotated[list[Content] | None, Field(min_length=1, description="One vector for all parts of each.")] = None
    embedding_types: Annotated[list[Kind], Field(min_length=1, max_length=6)] = ["float"]
    output_dimension: Annotated[int | None, Field(ge=1, strict=True)] = None
    max_tokens: Annotated[
        int | None, Field(ge=1, strict=True, description="Not used: long texts are embedded whole.")
    ] = None
    truncate: Annotated[
        Literal["NONE", "START", "END"], Field(description="Nothing is cut: a long text is the mean of its passages.")
    ] = "END"
    priority: Annotated[int, Field(ge=0, le=999, strict=True, description="Above zero is bulk.")] = 0

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(each is not None for each in (self.texts, self.images, self.inputs)) != 1:
            raise ValueError("give one of texts, images and inputs")
        return self


@final
class EmbedAnswer(BaseModel):
    """Vectors by the type that was asked for, in the order of the input."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c1e",
                    "embeddings": {"float": [[0.0123, -0.0456, 0.0789]], "int8": [[8, -29, 49]]},
                    "texts": ["rain on a roof"],
                    "images": [],
                    "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 6, "images": 0}},
                    "response_type": "embeddings_by_type",
                }
            ]
        }
    )

    id: str
    embeddings: dict[str, list[list[float]] | list[list[int]] | list[str]]
    texts: list[str] = []
    images: list[dict[str, Any]] = []
    meta: dict[str, Any]
    response_type: Literal["embeddings_by_type"]


@router.post(
    "/v2/embed",
    operation_id="embed_cohere",
    summary="Embed as Cohere's clients ask for it",
    response_model=EmbedAnswer,
    openapi_extra=needs(Scope.EMBED),
)
async def embed(body: EmbedBody, request: Request) -> Response:
    """Cohere's second version; int8 and binary are made of the float vectors."""
    backend = backend_of(request)
    check_model(backend, body.model)
    terms = terms_of(request, priority=Urgency.BULK if body.priority else None)
    place, items = _items(body)
    wishes = [await _attempt(item, backend.fetcher) for item in items]
    if body.input_type == "search_query":
        wishes = [wish if isinstance(wish, ItemError) else [each.to_ask() for each in wish] for wish in wishes]
    results = fail_first(request, await embed_wishes(request, wishes, terms, body.output_dimension), place)
    rows = np.stack([each.vector for each in results])
    used = sum((each.usage for each in results), Usage())
    pictures = [_about_picture(each) for each in results] if body.images is not None else []
    answer = {
        "id": secrets.token_hex(16),
        "response_type": "embeddings_by_type",
        "embeddings": {kind: quantized(rows, kind) for kind in dict.fromkeys(body.embedding_types)},
        "texts": body.texts or [],
        "images": pictures,
        "meta": {
            "api_version": {"version": "2"},
            "billed_units": {"input_tokens": used.tokens, "images": len(pictures)},
            "fingerprint": backend.engine.space.fingerprint,
        },
    }
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


def quantized(rows: NDArray[np.float32], kind: str) -> Sequence[Any] | NDArray[np.generic]:
    """Unit rows (n x d) in one of Cohere's types; d is a multiple of eight for the binary ones.

    int8 maps four spreads (4 / sqrt(d)) to 127 and cuts beyond; the first of eight signs is the highest bit, and
    binary is ubinary less 128.
    """
    return QUANTIZERS[kind](rows)


def _int8(rows: NDArray[np.float32]) -> NDArray[np.int16]:
    scale = 127.0 * np.sqrt(rows.shape[1]) / SPREAD
    small: NDArray[np.int16] = np.clip(np.rint(rows * scale), -127, 127).astype(np.int16)
    return small


def _bits(rows: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.packbits(rows >= 0, axis=1).astype(np.int16)


QUANTIZERS: Final[Mapping[str, Callable[[NDArray[np.float32]], Sequence[Any] | NDArray[np.generic]]]] = {
    "float": lambda rows: rows,
    "base64": lambda rows: [base64.b64encode(row.astype("<f4").tobytes()).decode("ascii") for row in rows],
    "int8": _int8,
    "uint8": lambda rows: _int8(rows) + 128,
    "ubinary": _bits,
    "binary": lambda rows: _bits(rows) - 128,
}


def _items(body: EmbedBody) -> tuple[str, Sequence[str | Content | ImagePart]]:
    if body.texts is not None:
        return "texts", body.texts
    if body.images is not None:
        return "images", [ImagePart(type="image_url", image_url=uri) for uri in body.images]
    return "inputs", body.inputs or []


async def _attempt(item: str | Content | ImagePart, fetcher: Fetcher) -> Wish | ItemError:
    try:
        return await wished(item, fetcher)
    except ItemError as error:
        return error


def _about_picture(picture: Embedded) -> dict[str, Any]:
    """What Cohere says of a picture, as decoding found it."""
    known = picture.metadata
    return {
        "width": known.get("width", 0),
        "height": known.get("height", 0),
        "format": str(known.get("format", "")).lower(),
        "bit_depth": known.get("bit_depth", 8),
    }
