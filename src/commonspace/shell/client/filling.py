"""What is put into a store and asked of it, as flows: uploads in packs, searches by text, medium, item, or several."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, final

from commonspace.core.errors import ItemError, UsageError
from commonspace.core.item import Metadata, Span
from commonspace.core.modality import Modality
from commonspace.retrieve.hit import Hit, Segment
from commonspace.shell.client.about import document_of
from commonspace.shell.client.message import Call
from commonspace.shell.client.packing import Bounds, packs
from commonspace.shell.client.parts import Part, draft, read_file
from commonspace.shell.client.steps import Flow, Until, Work, ask, together

__all__ = ["Entry", "Kept", "Near", "Sought", "add", "search"]

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
    """One part of a composed query: an item, or one of the store by its id; a weight below zero leads away from it."""

    item: object = None
    stored: str | None = None
    weight: float = 1.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is looked for, and how much of it. ``query`` is an item, or several parts (``Near``) that are added up."""

    query: object
    k: int
    modality: Modality | str | None
    min_probability: float | None


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


def search(store: str, sought: Sought, until: Until) -> Flow[list[Hit]]:
    """The items of a store nearest to a query, best first."""
    query = yield Work(do=partial(_query, sought.query))
    document = {"query": query, "k": sought.k}
    document |= {"modality": str(sought.modality)} if sought.modality is not None else {}
    document |= {"min_probability": sought.min_probability} if sought.min_probability is not None else {}
    reply = yield from ask(Call(method="POST", path=f"/v1/stores/{store}/search", document=document), until)
    return [_hit(each) for each in document_of(reply, until).get("hits") or ()]


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


def _query(query: object) -> str | dict[str, Any]:
    if isinstance(query, str):
        return query
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


def _hit(told: Mapping[str, Any]) -> Hit:
    segment = told.get("segment")
    return Hit(
        rank=told["rank"],
        id=told["id"],
        uri=told["uri"],
        name=told["name"],
        modality=Modality(told["modality"]),
        media_type=told["media_type"],
        score=told["score"],
        segment=_segment(segment) if segment else None,
        metadata=dict(told.get("metadata") or {}),
        probability=told.get("probability"),
        good=told.get("good"),
    )


def _segment(told: Mapping[str, Any]) -> Segment:
    where = {name: told[name] for name in Span.__dataclass_fields__ if name in told}
    return Segment(modality=Modality(told["modality"]), span=Span(**where), text=told.get("text"))
