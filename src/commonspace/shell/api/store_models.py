"""What requests about stores and their items look like, and their answers: schemas of the OpenAPI document."""

from typing import Annotated, Any, Final, Literal, Self, final

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from commonspace.core.modality import Modality
from commonspace.serve.stores import NAME_PATTERN
from commonspace.shell.api.choices import one_of

__all__ = [
    "EXAMPLE_ITEM",
    "EXAMPLE_SPACE",
    "ITEM_NAME",
    "KEY_PATTERN",
    "STORE_NAME",
    "Dropped",
    "FileWish",
    "ItemAnswer",
    "ItemOutcome",
    "ItemPage",
    "ItemWish",
    "ItemsAnswer",
    "ItemsWish",
    "Problem",
    "Removed",
    "Scalar",
    "StoreAnswer",
    "StoreBrief",
    "StoreList",
    "StoreWish",
    "Wish",
]

KEY_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9._:@=+~\-]{0,199}$"
STORE_NAME: Final = Path(pattern=NAME_PATTERN, description="The store's name.", examples=["holidays"])
ITEM_NAME: Final = Path(pattern=KEY_PATTERN, description="Its id, or your own name for it.", examples=["photo-17"])

Key = Annotated[str, Field(pattern=KEY_PATTERN, description="A name of your own for the item.", examples=["photo-17"])]
Scalar = bool | int | Annotated[float, Field(allow_inf_nan=False)] | str
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=100)], Scalar],
    Field(max_length=64, description="Whatever you want to know of the item later.", examples=[{"album": "Norway"}]),
]
EXAMPLE_ITEM: Final[dict[str, Any]] = {
    "id": "4f1c8e20b7d95a36",
    "uri": "upload:photo-17",
    "name": "fjord.jpg",
    "modality": "image",
}
PROBLEM: Final = {"code": "corrupt", "cause": "Its JPEG data ends early.", "fix": "Copy the file again."}
EXAMPLE_SPACE: Final[dict[str, Any]] = {
    "name": "nano",
    "tier": "trimodal",
    "dimension": 384,
    "modalities": ["text", "image", "audio", "video"],
    "fingerprint": "9f2c",
}


class Wish(BaseModel):
    """A request's body: unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid")


@final
class StoreWish(Wish):
    """A store to be made."""

    name: Annotated[str, Field(pattern=NAME_PATTERN, examples=["holidays"])]
    description: Annotated[str, Field(max_length=1000, examples=["Photos and sounds of 2024"])] = ""


class StoreBrief(BaseModel):
    """A store without a look inside; ``created`` in seconds since 1970."""

    name: Annotated[str, Field(examples=["holidays"])]
    description: Annotated[str, Field(examples=["Photos and sounds of 2024"])]
    created: Annotated[float, Field(examples=[1790000000.0])]


@final
class StoreAnswer(StoreBrief):
    """A store and what it holds, by modality."""

    space: Annotated[dict[str, Any], Field(examples=[EXAMPLE_SPACE])]
    items: Annotated[dict[str, int], Field(examples=[{"image": 2, "text": 1}])]
    num_items: Annotated[int, Field(examples=[3])]
    num_segments: Annotated[int, Field(examples=[5])]
    num_bytes: Annotated[int, Field(examples=[77824])]


@final
class StoreList(BaseModel):
    """Your stores, by name."""

    data: list[StoreBrief]


@final
class Dropped(BaseModel):
    """A store that is no more."""

    name: Annotated[str, Field(examples=["holidays"])]
    dropped: Annotated[bool, Field(examples=[True])]


class FileWish(Wish):
    """What goes with a file that is handed in."""

    id: Key | None = None
    name: Annotated[str, Field(max_length=200, examples=["heron"])] = ""
    metadata: Metadata = Field(default_factory=dict)


@final
class ItemWish(FileWish):
    """One item: either a text, or media as a data URI or base64."""

    model_config = ConfigDict(json_schema_extra=one_of("text", "data"))

    text: Annotated[str | None, Field(min_length=1, examples=["A heron stands in the shallows."])] = None
    data: Annotated[str | None, Field(min_length=1, examples=["data:image/png;base64,iVBORw0KGgo="])] = None

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if (self.text is None) == (self.data is None):
            raise ValueError("an item has either 'text' or 'data'")
        return self


@final
class ItemsWish(Wish):
    """Items to be added, or a folder on the server that the store is to be brought in step with."""

    items: Annotated[list[ItemWish] | None, Field(min_length=1)] = None
    folder: Annotated[
        str | None,
        Field(min_length=1, max_length=4096, description="An allowed folder, or a path within one."),
    ] = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            **one_of("items", "folder"),
            "examples": [
                {"items": [{"id": "note-1", "text": "A heron stands in the shallows.", "metadata": {"year": 2024}}]},
                {"folder": "holidays/2024"},
            ],
        },
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.items is None) == (self.folder is None):
            raise ValueError("give either 'items' or 'folder'")
        return self


@final
class Problem(BaseModel):
    """Why one item could not be used; the codes are those of docs/errors.md."""

    code: Annotated[str, Field(examples=["corrupt"])]
    cause: Annotated[str, Field(examples=[PROBLEM["cause"]])]
    fix: Annotated[str, Field(examples=[PROBLEM["fix"]])]


@final
class ItemOutcome(BaseModel):
    """What became of one item; ``failures`` are of pictures inside it."""

    id: Annotated[str, Field(examples=[EXAMPLE_ITEM["id"]])]
    uri: Annotated[str, Field(examples=[EXAMPLE_ITEM["uri"]])]
    name: Annotated[str, Field(examples=[EXAMPLE_ITEM["name"]])]
    modality: Annotated[Modality | None, Field(examples=["image"])]
    status: Annotated[Literal["added", "updated", "unchanged", "failed"], Field(examples=["added"])]
    notes: Annotated[list[str], Field(examples=[[]])]
    failures: Annotated[list[dict[str, str]], Field(examples=[[]])]
    error: Annotated[Problem | None, Field(examples=[None])]


@final
class ItemsAnswer(BaseModel):
    """What became of the items, in the order in which they were given."""

    added: Annotated[int, Field(examples=[1])]
    updated: Annotated[int, Field(examples=[0])]
    unchanged: Annotated[int, Field(examples=[0])]
    failed: Annotated[int, Field(examples=[0])]
    items: list[ItemOutcome]


@final
class ItemAnswer(BaseModel):
    """One item of a store. ``key`` is your own name for it; ``parent`` the item that it was found in."""

    id: Annotated[str, Field(examples=[EXAMPLE_ITEM["id"]])]
    key: Annotated[str | None, Field(examples=["photo-17"])]
    uri: Annotated[str, Field(examples=[EXAMPLE_ITEM["uri"]])]
    name: Annotated[str, Field(examples=[EXAMPLE_ITEM["name"]])]
    modality: Annotated[Modality, Field(examples=["image"])]
    media_type: Annotated[str, Field(examples=["image/jpeg"])]
    content_hash: Annotated[str, Field(examples=["0" * 64])]
    num_bytes: Annotated[int, Field(examples=[482133])]
    parent: Annotated[str | None, Field(examples=[None])]
    notes: Annotated[list[str], Field(examples=[[]])]
    metadata: Annotated[dict[str, Scalar], Field(examples=[{"album": "Norway", "width": 4032}])]


@final
class ItemPage(BaseModel):
    """Some items, by uri; ``next_cursor`` leads to those behind them."""

    data: list[ItemAnswer]
    next_cursor: Annotated[str | None, Field(examples=[None])]


@final
class Removed(BaseModel):
    """How many items went: one, and those that were found in it."""

    id: Annotated[str, Field(examples=[EXAMPLE_ITEM["id"]])]
    removed: Annotated[int, Field(examples=[1])]
