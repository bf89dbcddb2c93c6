"""What a search over HTTP asks for, and what it answers: schemas of the OpenAPI document."""

from typing import Annotated, Any, Final, Self, final

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from commonspace.core.modality import Modality
from commonspace.shell.api.choices import one_of
from commonspace.shell.api.store_models import EXAMPLE_ITEM, EXAMPLE_SPACE, KEY_PATTERN, Scalar, Wish

__all__ = ["MOST_HITS", "Composed", "HitAnswer", "QueryAnswer", "QueryPart", "SearchAnswer", "SearchWish"]

MOST_HITS: Final = 1000
MOST_PARTS: Final = 32
CONTENTS: Final = ("text", "image", "audio", "video", "item")


@final
class QueryPart(Wish):
    """One part of a composed query: a text, a medium (a data URI or base64), or an item of the store."""

    model_config = ConfigDict(json_schema_extra=one_of(*CONTENTS))

    text: Annotated[str | None, Field(min_length=1)] = None
    image: Annotated[str | None, Field(min_length=1)] = None
    audio: Annotated[str | None, Field(min_length=1)] = None
    video: Annotated[str | None, Field(min_length=1)] = None
    item: Annotated[str | None, Field(pattern=KEY_PATTERN)] = None
    weight: Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False, strict=True)] = 1.0

    def given(self) -> dict[str, str]:
        """The fields that hold content."""
        named = {name: getattr(self, name) for name in CONTENTS}
        return {name: value for name, value in named.items() if value is not None}

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if len(self.given()) != 1:
            raise ValueError("a part has exactly one of 'text', 'image', 'audio', 'video' and 'item'")
        return self


@final
class Composed(Wish):
    """Parts whose vectors are added up by their weights; below zero leads away."""

    parts: Annotated[list[QueryPart], Field(min_length=1, max_length=MOST_PARTS)]


@final
class SearchWish(Wish):
    """What to look for, and how to rank it."""

    query: Annotated[
        Annotated[str, Field(min_length=1), Tag("text")] | Annotated[Composed, Tag("composed")],
        Discriminator(lambda given: "text" if isinstance(given, str) else "composed"),
    ]
    k: Annotated[int, Field(ge=1, le=MOST_HITS, strict=True)] = 10
    modality: Modality | None = None
    min_probability: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False, strict=True)] = None
    weights: dict[Modality, Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]] | None = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"query": "a dog barks in the rain", "k": 3},
                {"query": {"parts": [{"text": "at night"}, {"item": "photo-17", "weight": 0.5}]}, "modality": "image"},
            ]
        },
    )


@final
class QueryAnswer(BaseModel):
    """How the query was read: scores are judged as those of a query of this modality."""

    modality: Annotated[Modality, Field(examples=["text"])]
    num_parts: Annotated[int, Field(examples=[1])]
    notes: Annotated[list[str], Field(examples=[[]])]


@final
class HitAnswer(BaseModel):
    """One item found, best first. ``probability`` and ``good`` are null where the space is not calibrated."""

    rank: Annotated[int, Field(examples=[1])]
    id: Annotated[str, Field(examples=[EXAMPLE_ITEM["id"]])]
    uri: Annotated[str, Field(examples=[EXAMPLE_ITEM["uri"]])]
    name: Annotated[str, Field(examples=[EXAMPLE_ITEM["name"]])]
    modality: Annotated[Modality, Field(examples=["image"])]
    media_type: Annotated[str, Field(examples=["image/jpeg"])]
    score: Annotated[float, Field(examples=[0.4321])]
    probability: Annotated[float | None, Field(examples=[0.83])]
    good: Annotated[bool | None, Field(examples=[True])]
    segment: Annotated[
        dict[str, Any] | None,
        Field(description="The best part: its modality, and times, page or characters.", examples=[None]),
    ]
    metadata: Annotated[dict[str, Scalar], Field(examples=[{"album": "Norway"}])]


@final
class SearchAnswer(BaseModel):
    """The hits; there may be none, or none that is a good match."""

    query: QueryAnswer
    space: Annotated[dict[str, Any], Field(examples=[EXAMPLE_SPACE])]
    hits: list[HitAnswer]
