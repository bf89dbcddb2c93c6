"""Stores over HTTP: made, listed, looked into, dropped, searched."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import anyio.to_thread
from fastapi import APIRouter, Request

from commonspace.apps.collection import Info
from commonspace.serve.access import Scope
from commonspace.serve.stores import About
from commonspace.shell.api import items
from commonspace.shell.api.bodies import body_schema, is_form
from commonspace.shell.api.running import backend_of
from commonspace.shell.api.scopes import needs
from commonspace.shell.api.search_models import SearchAnswer, SearchWish
from commonspace.shell.api.searching import SEARCH_FORM, form_search, json_search
from commonspace.shell.api.store_models import STORE_NAME, Dropped, StoreAnswer, StoreBrief, StoreList, StoreWish
from commonspace.shell.api.terms import caller_of

__all__ = ["router"]

FORM_EXAMPLE: Final[Mapping[str, Any]] = {"file": "(the file's bytes)", "k": 3}

router = APIRouter(prefix="/v1/stores", tags=["stores"])


@router.post(
    "",
    operation_id="create_store",
    summary="Make an empty store",
    status_code=201,
    response_model=StoreBrief,
    openapi_extra=needs(Scope.INDEX),
)
async def create_store(request: Request, wish: StoreWish) -> dict[str, Any]:
    """Make a store under a name that you do not use yet."""
    made = backend_of(request).stores.create
    about = await anyio.to_thread.run_sync(made, caller_of(request).tenant, wish.name, wish.description)
    return asdict(about)


@router.get(
    "",
    operation_id="list_stores",
    summary="List your stores",
    response_model=StoreList,
    openapi_extra=needs(Scope.SEARCH),
)
async def list_stores(request: Request) -> dict[str, Any]:
    """All your stores, by name."""
    found = await anyio.to_thread.run_sync(backend_of(request).stores.names, caller_of(request).tenant)
    return {"data": [asdict(about) for about in found]}


@router.get(
    "/{name}",
    operation_id="get_store",
    summary="Look into a store",
    response_model=StoreAnswer,
    openapi_extra=needs(Scope.SEARCH),
)
async def get_store(request: Request, name: str = STORE_NAME) -> dict[str, Any]:
    """What a store holds, by modality, and in which space."""
    about, info = await anyio.to_thread.run_sync(_look, request, name)
    counts = {key: value for key, value in info.to_dict().items() if key not in {"path", "sequence"}}
    return {**asdict(about), **counts}


@router.delete(
    "/{name}",
    operation_id="drop_store",
    summary="Drop a store and all that is in it",
    response_model=Dropped,
    openapi_extra=needs(Scope.INDEX),
)
async def drop_store(request: Request, name: str = STORE_NAME) -> dict[str, Any]:
    """The store is gone at once; jobs that fill it are cancelled. There is no way back."""
    await anyio.to_thread.run_sync(_drop, request, name)
    return {"name": name, "dropped": True}


@router.post(
    "/{name}/search",
    operation_id="search_store",
    summary="Find the items nearest to a text, a medium, an item, or several of them",
    response_model=SearchAnswer,
    openapi_extra={**needs(Scope.SEARCH), **body_schema(SearchWish, SEARCH_FORM, FORM_EXAMPLE)},
)
async def search_store(request: Request, name: str = STORE_NAME) -> dict[str, Any]:
    """The same hits as in Python and on the command line; a query may be composed of weighted parts."""
    return await (form_search(request, name) if is_form(request) else json_search(request, name))


def _look(request: Request, name: str) -> tuple[About, Info]:
    stores, tenant = backend_of(request).stores, caller_of(request).tenant
    about = stores.about(tenant, name)
    with stores.use(tenant, name) as collection:
        return about, collection.info()


def _drop(request: Request, name: str) -> None:
    parts, tenant = backend_of(request), caller_of(request).tenant
    parts.stores.about(tenant, name)
    parts.jobs.cancel_all(tenant, name)
    parts.stores.drop(tenant, name)


router.include_router(items.router)
