"""What a search over HTTP asks for, and what it answers: schemas of the OpenAPI document."""

from typing import Annotated, Any, Final, Self, final

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from commonspace.core.modality import Modality
from commonspace.index.filter_text import LONGEST_FILTER
from commonspace.retrieve.group import Group
from commonspace.retrieve.hit import Fold
from commonspace.retrieve.ranking import Options
from commonspace.shell.api.choices import one_of
from commonspace.shell.api.store_models import EXAMPLE_ITEM, EXAMPLE_SPACE, KEY_PATTERN, Scalar, Wish

__all__ = [
    "DEEPEST",
    "MOST_HITS",
    "Composed",
    "FoldedAnswer",
    "HitAnswer",
    "QueryAnswer",
    "QueryPart",
    "SearchAnswer",
    "SearchWish",
]

MOST_HITS: Final = 1000
DEEPEST: Final = 10_000
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
    """Parts that add up by their weights; a weight below zero says what is not wanted."""

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
    offset: Annotated[int, Field(ge=0, le=DEEPEST, strict=True)] = 0
    where: Annotated[
        str | None, Field(max_length=LONGEST_FILTER, description="A filter, such as `price < 50`.", examples=[None])
    ] = None
    group: Group = Group.ITEM
    diversity: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)] = 0.0
    fold: Annotated[float | None, Field(gt=0, le=1, allow_inf_nan=False, strict=True)] = None
    keywords: Annotated[bool | None, Field(strict=True)] = None
    explain: Annotated[bool, Field(strict=True)] = False

    def options(self) -> Options:
        """How to answer, as the library takes it."""
        weights: dict[Modality | str, float] = dict((self.weights or {}).items())
        return {
            "k": self.k,
            "offset": self.offset,
            "modality": self.modality,
            "where": self.where,
            "weights": weights,
            "min_probability": self.min_probability,
            "group": self.group,
            "diversity": self.diversity,
            "fold": self.fold,
            "keywords": self.keywords,
            "explain": self.explain,
        }

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"query": "a dog barks in the rain", "k": 3},
                {"query": {"parts": [{"text": "at night"}, {"item": "photo-17", "weight": 0.5}]}, "modality": "image"},
                {"query": "a red car", "where": "price < 50", "diversity": 0.3, "fold": 0.95, "explain": True},
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
class FoldedAnswer(BaseModel):
    """An item that is listed under a hit; ``likeness`` is its cosine to it, null for parts of one parent."""

    why: Annotated[Fold, Field(examples=["near duplicate"])]
    id: Annotated[str, Field(examples=[EXAMPLE_ITEM["id"]])]
    uri: Annotated[str, Field(examples=[EXAMPLE_ITEM["uri"]])]
    name: Annotated[str, Field(examples=[EXAMPLE_ITEM["name"]])]
    modality: Annotated[Modality, Field(examples=["image"])]
    score: Annotated[float, Field(examples=[0.4213])]
    likeness: Annotated[float | None, Field(examples=[0.97])]


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
        Field(description="The best part: its modality, and times, page, regions or characters.", examples=[None]),
    ]
    segments: Annotated[
        list[dict[str, Any]], Field(description="The best parts, best first, each with its score.", examples=[[]])
    ]
    folded: list[FoldedAnswer]
    metadata: Annotated[dict[str, Scalar], Field(examples=[{"album": "Norway"}])]
    explanation: Annotated[
        dict[str, Any] | None,
        Field(description="What every part contributed, where `explain` asks for it.", examples=[None]),
    ] = None


@final
class SearchAnswer(BaseModel):
    """The hits; there may be none, or none that is a good match."""

    query: QueryAnswer
    space: Annotated[dict[str, Any], Field(examples=[EXAMPLE_SPACE])]
    hits: list[HitAnswer]
