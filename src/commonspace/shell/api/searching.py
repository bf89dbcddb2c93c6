"""A search over HTTP: its parts are embedded by the engine, added up, and looked for in the store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, final

import anyio.to_thread
import orjson
from fastapi import Request

from commonspace.apps.asking import content_part
from commonspace.apps.collection import Collection
from commonspace.core.errors import NotFound, UsageError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.embedder import Embedding
from commonspace.index.filter_text import LONGEST_FILTER
from commonspace.ingest.source import source_of
from commonspace.retrieve.asked import Asked, AskedPart
from commonspace.retrieve.group import Group
from commonspace.retrieve.hit import Hit
from commonspace.serve.folders import Folders
from commonspace.serve.uploads import named_uri
from commonspace.shell.api.bodies import checked, files_of, form_of, json_of, media_of, plain_text
from commonspace.shell.api.parts import Wanted
from commonspace.shell.api.running import Embedded, backend_of, embed_wishes, fail_first
from commonspace.shell.api.search_models import DEEPEST, MOST_HITS, QueryPart, SearchWish
from commonspace.shell.api.terms import caller_of, terms_of

__all__ = ["SEARCH_FORM", "form_search", "json_search", "shown_hit"]

PLAIN: Final = ("modality", "where", "group")
SAID_IN_JSON: Final = ("k", "min_probability", "offset", "diversity", "fold", "keywords", "explain")

SEARCH_FORM: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "What to look for: a picture, sound or video."},
        "text": {"type": "string", "description": "Words that are added to it."},
        "k": {"type": "integer", "minimum": 1, "maximum": MOST_HITS, "default": 10},
        "modality": {"type": "string", "enum": [modality.value for modality in Modality]},
        "min_probability": {"type": "number", "minimum": 0, "maximum": 1},
        "weights": {"type": "string", "description": 'A JSON object such as {"audio": 0.5}.'},
        "offset": {"type": "integer", "minimum": 0, "maximum": DEEPEST, "default": 0},
        "where": {"type": "string", "maxLength": LONGEST_FILTER, "description": "A filter, such as `price < 50`."},
        "group": {"type": "string", "enum": [group.value for group in Group]},
        "diversity": {"type": "number", "minimum": 0, "maximum": 1},
        "fold": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "keywords": {"type": "boolean"},
        "explain": {"type": "boolean"},
    },
}


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sought:
    """One part of a query: something to embed, or an item of the store."""

    wanted: Wanted | None = None
    item: str = ""
    weight: float = 1.0


async def json_search(request: Request, name: str) -> dict[str, Any]:
    """A search whose query is JSON.

    Raises:
        CommonspaceError: the query cannot be embedded, or there is no such store or item.
    """
    wish = await json_of(request, SearchWish)
    given = [QueryPart(text=wish.query)] if isinstance(wish.query, str) else wish.query.parts
    return await _search(request, name, wish, [_sought(part) for part in given])


async def form_search(request: Request, name: str) -> dict[str, Any]:
    """A search with one uploaded file, and words that may go with it.

    Raises:
        CommonspaceError: the file cannot be embedded, or there is no such store.
    """
    async with form_of(request, max_files=1) as form:
        fields: dict[str, Any] = {key: form[key] for key in PLAIN if key in form}
        fields |= {key: _number(form[key]) for key in SAID_IN_JSON if key in form}
        if "weights" in form:
            fields["weights"] = _object(form["weights"])
        files = files_of(form, "file")
        data = await files[0].read() if files else b""
        text = form.get("text")
    wish = checked(SearchWish, {**fields, "query": "a file"})
    if not data:
        raise UsageError("There is no file to search with.", fix="Send it as -F file=@photo.jpg, or search with JSON.")
    sought = [_Sought(wanted=Wanted(source=source_of(data)))]
    if isinstance(text, str):
        sought.append(_Sought(wanted=Wanted(source=source_of(plain_text(text)))))
    elif text is not None:
        raise UsageError("The field 'text' holds a file.", fix="Send the words themselves: -F text=night.")
    return await _search(request, name, wish, sought)


async def _search(request: Request, name: str, wish: SearchWish, parts: Sequence[_Sought]) -> dict[str, Any]:
    backend, tenant = backend_of(request), caller_of(request).tenant
    await anyio.to_thread.run_sync(backend.stores.about, tenant, name)
    wishes = [[part.wanted.to_ask()] for part in parts if part.wanted is not None]
    answers = await embed_wishes(request, wishes, terms_of(request), None) if wishes else []
    embedded = fail_first(request, answers, "query.parts")

    def look() -> tuple[Embedding, list[Hit]]:
        with backend.stores.use(tenant, name) as collection:
            asked = Asked(parts=tuple(_parts(collection, parts, iter(embedded))))
            return asked.embedding, collection.find(asked, **wish.options())

    whole, hits = await anyio.to_thread.run_sync(look)
    return {
        "query": {"modality": whole.modality.value, "num_parts": len(parts), "notes": list(whole.notes)},
        "space": _space(backend.engine.space),
        "hits": [shown_hit(hit, backend.folders) for hit in hits],
    }


def _parts(collection: Collection, parts: Sequence[_Sought], embedded: Iterator[Embedded]) -> list[AskedPart]:
    """The parts with their vectors: from the engine, or from the store."""
    found = []
    for part in parts:
        if part.wanted is None:
            found.append(_stored(collection, part))
        else:
            answer, source = next(embedded), part.wanted.source
            modality = Modality(answer.modality)
            embedding = Embedding(vector=answer.vector, modality=modality, notes=answer.notes)
            content = source.origin if isinstance(source.origin, str) else None
            found.append(content_part(content, embedding, part.weight))
    return found


def shown_hit(hit: Hit, places: Folders) -> dict[str, Any]:
    """A hit as on the command line, but with no place on the server in it."""
    folded = tuple(replace(each, uri=places.shown(each.uri)) for each in hit.folded)
    return replace(hit, uri=places.shown(hit.uri), folded=folded).to_dict()


def _space(space: Space) -> dict[str, Any]:
    return {
        "name": space.name,
        "tier": space.tier.value,
        "dimension": space.dimension,
        "modalities": [modality.value for modality in space.modalities],
        "fingerprint": space.fingerprint,
    }


def _sought(part: QueryPart) -> _Sought:
    if part.item is not None:
        return _Sought(item=part.item, weight=part.weight)
    ((kind, value),) = part.given().items()
    source = source_of(plain_text(value) if kind == "text" else media_of(value))
    return _Sought(
        wanted=Wanted(source=source, modality=None if kind == "text" else Modality(kind)), weight=part.weight
    )


def _stored(collection: Collection, part: _Sought) -> AskedPart:
    item = collection.item(named_uri(part.item)) or collection.item(part.item)
    found = item and collection.part(item.id, part.weight)
    if not found:
        raise NotFound(
            f"There is no item '{part.item}' in this store.", fix="Search with an id that the items' list shows."
        )
    return found


def _number(given: object) -> Any:
    """What a form's text stands for; a text that is no number stays one, and is refused as such."""
    try:
        return orjson.loads(str(given))
    except orjson.JSONDecodeError:
        return given


def _object(given: object) -> Any:
    try:
        return orjson.loads(str(given))
    except orjson.JSONDecodeError:
        raise UsageError("The field 'weights' is not JSON.", fix='Send an object such as {"audio": 0.5}.') from None
