"""A store's items over HTTP: handed in, indexed from a folder, listed, looked at, removed."""

import base64
import binascii
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final

import anyio.to_thread
import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse

from commonspace.apps.collection import Collection
from commonspace.core.errors import NotFound, TooLarge, UsageError
from commonspace.core.modality import Modality
from commonspace.index.records import StoredItem
from commonspace.serve.access import Scope
from commonspace.serve.filling import FOLDER, UPLOAD, spooled
from commonspace.serve.folders import Folders
from commonspace.serve.job import Job, Order, new_id
from commonspace.serve.terms import Urgency
from commonspace.serve.uploads import Upload, keep_now, key_of, named_uri, upload_of
from commonspace.shell.api.bodies import (
    base_name,
    body_schema,
    checked,
    files_of,
    form_of,
    is_form,
    json_of,
    media_of,
    plain_text,
)
from commonspace.shell.api.jobs import JobAnswer, job_answer
from commonspace.shell.api.running import attended, backend_of
from commonspace.shell.api.scopes import needs
from commonspace.shell.api.store_models import (
    ITEM_NAME,
    STORE_NAME,
    FileWish,
    ItemAnswer,
    ItemPage,
    ItemsAnswer,
    ItemsWish,
    Removed,
)
from commonspace.shell.api.terms import caller_of, terms_of

__all__ = ["router"]

INLINE_ITEMS: Final = 16
INLINE_BYTES: Final = 8_000_000
ITEMS_FORM: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1},
        "items": {
            "type": "string",
            "description": 'A JSON list, one entry a file in their order: [{"id": "photo-17", "metadata": {}}].',
        },
    },
}
FORM_EXAMPLE: Final[Mapping[str, Any]] = {"file": ["(the file's bytes)"], "items": '[{"id": "photo-17"}]'}
ACCEPTED: Final[dict[int | str, dict[str, Any]]] = {202: {"model": JobAnswer, "description": "A job does it."}}

router = APIRouter(tags=["items"])
Wait = Annotated[
    bool | None,
    Query(description="Whether to wait until they are in the store; left out, few and small items are waited for."),
]
Once = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=200, description="The same key again gives the same job again."),
]


@router.post(
    "/{name}/items",
    operation_id="add_items",
    summary="Add or replace items: texts, media, or a folder on the server",
    response_model=ItemsAnswer,
    responses=ACCEPTED,
    openapi_extra={**needs(Scope.INDEX), **body_schema(ItemsWish, ITEMS_FORM, FORM_EXAMPLE)},
)
async def add_items(request: Request, name: str = STORE_NAME, wait: Wait = None, idempotency_key: Once = None) -> Any:
    """Few and small items are in the store when the answer comes; all else is a job, and the answer says which.

    Items of your own `id` are replaced by newer ones; items without are known by their content. One that cannot be
    used is `failed`, and the others go on.
    """
    parts, tenant = backend_of(request), caller_of(request).tenant
    await anyio.to_thread.run_sync(parts.stores.about, tenant, name)
    order = partial(Order, tenant=tenant, store=name, idempotency=idempotency_key)
    if is_form(request):
        uploads = await _form_uploads(request)
    else:
        wish = await json_of(request, ItemsWish)
        if wish.folder is not None:
            await anyio.to_thread.run_sync(backend_of(request).folders.allowed, wish.folder)
            return await _job(request, order(kind=FOLDER, request={"folder": wish.folder}))
        uploads = [_json_upload(item) for item in wish.items or ()]
    _check(uploads, parts.settings.server.request_items)
    few = len(uploads) <= INLINE_ITEMS and sum(len(upload.content) for upload in uploads) <= INLINE_BYTES
    if few if wait is None else wait:
        items = await _kept_now(request, name, uploads)
        counts = Counter(item["status"] for item in items)
        return {**{each: counts[each] for each in ("added", "updated", "unchanged", "failed")}, "items": items}
    chosen = new_id()
    listed = await anyio.to_thread.run_sync(lambda: spooled(uploads, parts.jobs.spool(chosen)))
    return await _job(request, order(kind=UPLOAD, request=listed, id=chosen))


@router.get(
    "/{name}/items",
    operation_id="list_items",
    summary="List a store's items",
    response_model=ItemPage,
    openapi_extra=needs(Scope.SEARCH),
)
async def list_items(
    request: Request,
    name: str = STORE_NAME,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    modality: Annotated[Modality | None, Query(description="Only items of this one.")] = None,
    cursor: Annotated[str | None, Query(max_length=8000, description="`next_cursor` of the page before.")] = None,
) -> dict[str, Any]:
    """A page of items, by uri; what is added or removed meanwhile is shown as it then is."""
    after = _uri(cursor)

    def page() -> list[StoredItem]:
        with backend_of(request).stores.use(caller_of(request).tenant, name) as collection:
            return list(islice(collection.items(modality=modality, after=after), limit + 1))

    found, places = await anyio.to_thread.run_sync(page), backend_of(request).folders
    following = _cursor(found[limit - 1].uri) if len(found) > limit else None
    return {"data": [_shown(item, places) for item in found[:limit]], "next_cursor": following}


@router.get(
    "/{name}/items/{item}",
    operation_id="get_item",
    summary="Look at one item",
    response_model=ItemAnswer,
    openapi_extra=needs(Scope.SEARCH),
)
async def get_item(request: Request, name: str = STORE_NAME, item: str = ITEM_NAME) -> dict[str, Any]:
    """One item by its id, or by your own name for it."""

    def look() -> StoredItem:
        with backend_of(request).stores.use(caller_of(request).tenant, name) as collection:
            return _found(collection, item)

    return _shown(await anyio.to_thread.run_sync(look), backend_of(request).folders)


@router.delete(
    "/{name}/items/{item}",
    operation_id="remove_item",
    summary="Remove one item",
    response_model=Removed,
    openapi_extra=needs(Scope.INDEX),
)
async def remove_item(request: Request, name: str = STORE_NAME, item: str = ITEM_NAME) -> dict[str, Any]:
    """The item goes, and what was found in it; a file on the server stays where it is."""

    def remove() -> tuple[str, int]:
        with backend_of(request).stores.use(caller_of(request).tenant, name) as collection:
            found = _found(collection, item)
            return found.id, collection.discard(found.id)

    gone, removed = await anyio.to_thread.run_sync(remove)
    return {"id": gone, "removed": removed}


async def _kept_now(request: Request, name: str, uploads: Sequence[Upload]) -> list[dict[str, Any]]:
    """Keep items while the client waits; the estimate of their cost is taken from its key's compute."""
    parts = backend_of(request)
    demand = parts.engine.estimates.demand([upload.source() for upload in uploads])
    with parts.buckets.reserve(caller_of(request), 1000 * (demand.decode_seconds + demand.tower_seconds)):
        keeping = keep_now(parts.engine, parts.stores, name, uploads, terms_of(request, priority=Urgency.BULK))
        return await attended(request, keeping)


async def _job(request: Request, order: Order) -> JSONResponse:
    job: Job = await anyio.to_thread.run_sync(backend_of(request).jobs.submit, order)
    return JSONResponse(job_answer(job), status_code=202, headers={"location": f"/v1/jobs/{job.id}"})


async def _form_uploads(request: Request) -> list[Upload]:
    async with form_of(request, backend_of(request).settings.server.request_items) as form:
        files = files_of(form, "file")
        wishes = _wishes(form.get("items", "[]"), len(files))
        return [
            upload_of(await file.read(), key=wish.id, name=wish.name or base_name(file), metadata=wish.metadata)
            for file, wish in zip(files, wishes, strict=True)
        ]


def _wishes(said: object, num_files: int) -> list[FileWish]:
    """What goes with each file; files beyond the list go without."""
    try:
        given = orjson.loads(str(said))
    except orjson.JSONDecodeError:
        raise UsageError("The field 'items' is not JSON.", fix='Send a list such as [{"id": "photo-17"}].') from None
    if not isinstance(given, list) or len(given) > num_files:
        raise UsageError("The field 'items' is no list of one entry a file.", fix="Send as many entries as files.")
    return [checked(FileWish, each) for each in given] + [FileWish()] * (num_files - len(given))


def _json_upload(item: Any) -> Upload:
    content = media_of(item.data) if item.text is None else plain_text(item.text)
    name = item.name or (content[:60] if isinstance(content, str) else "")
    return upload_of(content, key=item.id, name=name, metadata=item.metadata)


def _check(uploads: Sequence[Upload], most: int) -> None:
    """One item at least, not too many, and none named twice."""
    if not uploads:
        raise UsageError("There is nothing to add.", fix="Send at least one file, text or data URI.")
    if len(uploads) > most:
        raise TooLarge(f"The request has {len(uploads)} items; {most} are allowed.", fix="Send them in several.")
    contents: dict[str, str] = {}
    for upload in uploads:
        if contents.setdefault(upload.uri, upload.content_hash) != upload.content_hash:
            raise UsageError(f"Two items are called '{upload.name}'.", fix="Give each an id of its own.")


def _found(collection: Collection, name: str) -> StoredItem:
    found = collection.item(named_uri(name)) or collection.item(name)
    if found is None:
        raise NotFound(f"There is no item '{name}' in this store.", fix="The list of items shows the ids.")
    return found


def _shown(item: StoredItem, places: Folders) -> dict[str, Any]:
    return {
        "id": item.id,
        "key": key_of(item),
        "uri": places.shown(item.uri),
        "name": item.name,
        "modality": item.modality.value,
        "media_type": item.media_type,
        "content_hash": item.content_hash,
        "num_bytes": item.num_bytes,
        "parent": item.parent,
        "notes": list(item.notes),
        "metadata": item.metadata,
    }


def _cursor(uri: str) -> str:
    return base64.urlsafe_b64encode(uri.encode()).decode()


def _uri(cursor: str | None) -> str:
    try:
        return base64.b64decode((cursor or "").encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise UsageError("This is no cursor.", fix="Use `next_cursor` of the page before, as it came.") from None
