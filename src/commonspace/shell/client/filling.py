"""What is put into a store and asked of it, as flows: uploads in packs, searches by text, medium, item, or several."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

from commonspace.core.errors import ItemError, UsageError
from commonspace.core.item import Metadata
from commonspace.core.modality import Modality
from commonspace.index.filter_text import text_of
from commonspace.retrieve.hit import Hit
from commonspace.retrieve.query import Query
from commonspace.retrieve.ranking import Options
from commonspace.shell.client.about import document_of
from commonspace.shell.client.hits import hit_of
from commonspace.shell.client.message import Call
from commonspace.shell.client.packing import Bounds, packs
from commonspace.shell.client.parts import Part, draft, read_file
from commonspace.shell.client.steps import Flow, Until, Work, ask, together

__all__ = ["Entry", "Kept", "Near", "add", "search"]

MEDIA: Final = {Modality.IMAGE: "image_url", Modality.VIDEO: "video_url"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An item for a store with what goes with it: an ``id`` of your own, a name, whatever is worth knowing of it."""

    item: object
    id: str | None = None
    name: str = ""
    metadata: Metadata = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of one item: ``status`` is added, updated, unchanged or failed; ``error`` says why it failed."""

    id: str
    name: str
    status: str
    error: ItemError | None
    notes: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """One part of a composed query: an item, or one of the store by its id; a weight below zero is not wanted."""

    item: object = None
    stored: str | None = None
    weight: float = 1.0


def add(store: str, items: Sequence[object], bounds: Bounds, until: Until) -> Flow[tuple[Kept, ...]]:
    """Put items into a store, several requests under way at a time: what became of each, in order.

    Items that are there already stay as they are, so that an upload that broke off may simply be repeated.
    """
    if isinstance(items, str | bytes):
        raise UsageError("One item was given where a list is expected.", fix="Put it into a list: add(name, [item]).")
    entries = [item if isinstance(item, Entry) else Entry(item=item) for item in items]
    drafts = [draft(entry.item) for entry in entries]
    flows = [_add([entries[at] for at in places], store, until) for places in packs(drafts, bounds)]
    kept = (yield from together(flows, bounds.requests_at_a_time)) if flows else []
    return tuple(each for pack in kept for each in pack)


def search(store: str, query: object, options: Options, until: Until) -> Flow[list[Hit]]:
    """The items of a store nearest to a query, best first."""
    document = yield Work(do=lambda: {"query": _query(query), **_said(options)})
    reply = yield from ask(Call(method="POST", path=f"/v1/stores/{store}/search", document=document), until)
    return [hit_of(each) for each in document_of(reply, until).get("hits") or ()]


def _add(entries: Sequence[Entry], store: str, until: Until) -> Flow[list[Kept]]:
    made: list[dict[str, Any] | Kept] = yield Work(do=lambda: [_item(entry) for entry in entries])
    items = [each for each in made if isinstance(each, dict)]
    if not items:
        return [each for each in made if isinstance(each, Kept)]
    call = Call(method="POST", path=f"/v1/stores/{store}/items", query={"wait": "true"}, document={"items": items})
    reply = yield from ask(call, until)
    told = iter(document_of(reply, until).get("items") or ())
    return [each if isinstance(each, Kept) else _kept(next(told)) for each in made]


def _item(entry: Entry) -> dict[str, Any] | Kept:
    """One entry as it stands in the request; what cannot be read has failed already."""
    name = entry.name or (entry.item.name if isinstance(entry.item, Path) else "")
    said: dict[str, Any] = {"name": name, "metadata": entry.metadata}
    said |= {"id": entry.id} if entry.id is not None else {}
    try:
        return {**said, **_content(entry.item)}
    except ItemError as error:
        return Kept(id=entry.id or "", name=name, status="failed", error=error, notes=())


def _content(item: object) -> dict[str, str]:
    """A store takes documents too, so files and bytes go as they are."""
    if isinstance(item, Path):
        return {"data": b64encode(read_file(item)).decode("ascii")}
    if isinstance(item, bytes | bytearray | memoryview):
        return {"data": b64encode(item).decode("ascii")}
    part = draft(item).make()
    if isinstance(part.document, str):
        return {"text": part.document}
    return {"data": _data(part)}


def _said(options: Options) -> dict[str, Any]:
    """The options that were given, as JSON holds them."""
    said: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    where, weights = options.get("where"), options.get("weights")
    if where is not None:
        said["where"] = where if isinstance(where, str) else text_of(where)
    if weights:
        said["weights"] = {str(modality): weight for modality, weight in weights.items()}
    return said | {name: str(said[name]) for name in ("modality", "group") if name in said}


def _query(query: object) -> str | dict[str, Any]:
    if isinstance(query, str):
        return query
    if isinstance(query, Query):
        return {"parts": [_near(Near(item=part.content, stored=part.item, weight=part.weight)) for part in query.parts]}
    several = isinstance(query, Sequence) and not isinstance(query, bytes | bytearray | memoryview)
    parts = query if isinstance(query, Sequence) and several else [query]
    return {"parts": [_near(part if isinstance(part, Near) else Near(item=part)) for part in parts]}


def _near(near: Near) -> dict[str, Any]:
    if (near.item is None) == (near.stored is None):
        raise UsageError("A part of a query is an item, or one of the store.", fix="Give `item` or `stored`.")
    if near.stored is not None:
        return {"item": near.stored, "weight": near.weight}
    part = draft(near.item).make()
    data = part.document if isinstance(part.document, str) else _data(part)
    return {part.modality.value: data, "weight": near.weight}


def _data(part: Part) -> str:
    if isinstance(part.document, str):
        return part.document
    if part.modality in MEDIA:
        return str(part.document[MEDIA[part.modality]]["url"])
    return str(part.document["input_audio"]["data"])


def _kept(told: Mapping[str, Any]) -> Kept:
    error = told.get("error")
    return Kept(
        id=str(told.get("id", "")),
        name=str(told.get("name", "")),
        status=str(told.get("status", "")),
        error=ItemError(error["code"], error["cause"], fix=error["fix"]) if error else None,
        notes=tuple(told.get("notes") or ()),
    )
