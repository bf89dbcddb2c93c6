"""What an embedding request looks like, OpenAI's and what goes beyond it, and its answer."""

from typing import Annotated, Any, Final, Literal, Self, final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from commonspace.core.errors import UsageError
from commonspace.serve.terms import Urgency
from commonspace.shell.api.choices import one_of
from commonspace.shell.api.part_models import Content, Item, Message

__all__ = ["EmbeddingsAnswer", "EmbeddingsBody", "Summary", "Usage"]

TOKENS: Final = UsageError(
    "The input is token ids. They mean something only to the model that they were made for, which is not this one.",
    fix="Send text: with LangChain's OpenAIEmbeddings set check_embedding_ctx_length=False.",
)
RED_DOT: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAGUlEQVR4nGM8ISLCQApgIkn1"
    "qIZRDUNKAwASEQEQdsFm/QAAAABJRU5ErkJggg=="
)
EXAMPLES: Final[list[JsonValue]] = [
    {"model": "nano", "input": "a dog barking in the rain"},
    {"model": "nano", "input": ["rain", "thunder"], "encoding_format": "float", "dimensions": 128},
    {
        "model": "nano",
        "input": [
            "a red dot",
            {"type": "image_url", "image_url": {"url": RED_DOT}},
        ],
        "error_policy": "per_item",
    },
]
ANSWER: Final[dict[str, Any]] = {
    "object": "list",
    "data": [
        {
            "object": "embedding",
            "index": 0,
            "embedding": [0.0123, -0.0456, 0.0789],
            "modality": "text",
            "truncated": False,
            "cached": False,
            "notes": [],
        }
    ],
    "model": "nano",
    "usage": {
        "prompt_tokens": 8,
        "total_tokens": 8,
        "text_tokens": 8,
        "image_pixels": 0,
        "media_seconds": 0.0,
        "table_cells": 0,
    },
    "fingerprint": "9f2c",
    "truncated": False,
    "timing": {"decode_ms": 0.2, "queue_ms": 0.1, "inference_ms": 3.1, "total_ms": 3.9},
}
"""Its vector is cut short, and so is its fingerprint."""


@final
class EmbeddingsBody(BaseModel):
    """Give ``input`` or ``messages``. Beyond OpenAI's: typed parts, several parts in one vector, errors by item."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": EXAMPLES, **one_of("input", "messages")})

    input: Annotated[
        Annotated[str, Field(min_length=1)] | Annotated[list[Item], Field(min_length=1)] | Content | None,
        Field(description="A text, or a list of texts, typed parts and contents of several parts; a vector for each."),
    ] = None
    messages: Annotated[
        list[Message] | list[list[Message]] | None,
        Field(description="A conversation, or several: a vector for each, of all that its turns say and show."),
    ] = None
    model: Annotated[str | None, Field(max_length=200, description="The space; the one that is served by default.")] = (
        None
    )
    encoding_format: Annotated[
        Literal["float", "base64", "bytes"],
        Field(description="Numbers; little-endian float32 in base64; or the rows alone as bytes, without JSON."),
    ] = "float"
    dimensions: Annotated[
        int | None, Field(ge=1, strict=True, description="Only sizes that the space was trained for.")
    ] = None
    user: Annotated[str | None, Field(max_length=200, description="Not used; OpenAI's clients send it.")] = None
    error_policy: Annotated[
        Literal["fail", "per_item"],
        Field(description="Whether one bad item fails the request, or gets an error of its own beside the others."),
    ] = "fail"
    timeout_ms: Annotated[
        float | None,
        Field(gt=0, le=86_400_000, allow_inf_nan=False, strict=True, description="By when an answer is of use."),
    ] = None
    priority: Annotated[Urgency | None, Field(description="Bulk takes what interactive requests leave.")] = None

    @model_validator(mode="before")
    @classmethod
    def _no_tokens(cls, given: Any) -> Any:
        """Token ids would validate as nothing at all, with a message that helps nobody.

        Raises:
            UsageError: the input is token ids.
        """
        rows = given.get("input") if isinstance(given, dict) else None
        first = rows[0] if isinstance(rows, list) and rows else None
        if isinstance(first, list) and first:
            first = first[0]
        if isinstance(first, int) and not isinstance(first, bool):
            raise TOKENS
        return given

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.input is None) == (self.messages is None):
            raise ValueError("give either input or messages")
        if self.messages == [] or (self.messages and isinstance(self.messages[0], list) and not all(self.messages)):
            raise ValueError("messages must not be empty")
        return self


@final
class Embedding(BaseModel):
    """One item's vector, and what is known of the item beside it."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str
    modality: str
    truncated: bool
    cached: bool
    notes: list[str] = []


@final
class ItemFailed(BaseModel):
    """Why one item has no vector."""

    index: int
    code: str
    message: str
    fix: str
    status: int


@final
class Summary(BaseModel):
    """How many items there were, with and without a vector."""

    total: int
    succeeded: int
    failed: int


@final
class Usage(BaseModel):
    """What was embedded, in each modality's unit. ``prompt_tokens`` are OpenAI's name for the tokens of texts."""

    prompt_tokens: int
    total_tokens: int
    text_tokens: int
    image_pixels: int
    media_seconds: float
    table_cells: int


@final
class Times(BaseModel):
    """Where the slowest item's time went, and the time in all, in milliseconds."""

    decode_ms: float
    queue_ms: float
    inference_ms: float
    total_ms: float


@final
class EmbeddingsAnswer(BaseModel):
    """The vectors, in the order of the input."""

    model_config = ConfigDict(json_schema_extra={"examples": [ANSWER]})

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage
    fingerprint: Annotated[str, Field(description="Equal fingerprints mean comparable vectors.")]
    truncated: Annotated[bool, Field(description="Whether a part of any item was not used.")]
    timing: Times
    errors: list[ItemFailed] = []
    summary: Summary | None = None
