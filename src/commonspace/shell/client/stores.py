"""Named stores of a service: made, listed, filled, searched, dropped; in a blocking and an awaited form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack, final
from urllib.parse import quote

from commonspace.retrieve.hit import Hit
from commonspace.retrieve.ranking import Options
from commonspace.shell.client.about import document_of
from commonspace.shell.client.filling import Kept, add, search
from commonspace.shell.client.jobs import Job, job_of
from commonspace.shell.client.message import Call
from commonspace.shell.client.packing import Bounds
from commonspace.shell.client.pooled import AsyncPool, Pool
from commonspace.shell.client.steps import Flow, Line, Until, ask

__all__ = ["AsyncStores", "Store", "Stores"]

TIMEOUT_SECONDS = 60.0
FILLING_SECONDS = 3600.0
PATH = "/v1/stores"

Hits = list[Hit]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One store; ``fields`` is everything that the service says of it (what it holds, in ``info``)."""

    name: str
    description: str
    fields: Mapping[str, Any]


@final
class Stores:
    """The stores of a service."""

    def __init__(self, pool: Pool, line: Line, bounds: Bounds) -> None:
        self._pool, self._line, self._bounds = pool, line, bounds

    def create(self, name: str, description: str = "", *, timeout: float = TIMEOUT_SECONDS) -> Store:
        """Make an empty store; Conflict if there is one of this name."""
        return self._pool.run(_create(name, description, self._line.until(timeout)))

    def list(self, *, timeout: float = TIMEOUT_SECONDS) -> tuple[Store, ...]:
        """All stores, by name."""
        return self._pool.run(_listed(self._line.until(timeout)))

    def info(self, name: str, *, timeout: float = TIMEOUT_SECONDS) -> Store:
        """What a store holds."""
        return self._pool.run(_info(name, self._line.until(timeout)))

    def drop(self, name: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Remove a store and all that is in it."""
        self._pool.run(_drop(name, self._line.until(timeout)))

    def add(self, name: str, items: Sequence[object], *, timeout: float = FILLING_SECONDS) -> tuple[Kept, ...]:
        """Put items into a store (texts, files, media, or ``Entry``); what became of each, in order."""
        return self._pool.run(add(quote(name, safe=""), items, self._bounds, self._line.until(timeout)))

    def add_folder(self, name: str, folder: str, *, timeout: float = TIMEOUT_SECONDS) -> Job:
        """Bring a store in step with a folder on the server that its operator allows; a job does it."""
        return self._pool.run(_add_folder(name, folder, self._line.until(timeout)))

    def remove(self, name: str, item: str, *, timeout: float = TIMEOUT_SECONDS) -> int:
        """Remove an item by its id; how many went, for those that were found in it go too."""
        return self._pool.run(_remove(name, item, self._line.until(timeout)))

    def search(
        self,
        name: str,
        query: object,
        *,
        timeout: float = TIMEOUT_SECONDS,
        **options: Unpack[Options],
    ) -> Hits:
        """The items nearest to a text, a medium or a ``Query``, best first; options as in ``Collection.search``."""
        return self._pool.run(search(quote(name, safe=""), query, options, self._line.until(timeout)))


@final
class AsyncStores:
    """``Stores``, awaited."""

    def __init__(self, pool: AsyncPool, line: Line, bounds: Bounds) -> None:
        self._pool, self._line, self._bounds = pool, line, bounds

    async def create(self, name: str, description: str = "", *, timeout: float = TIMEOUT_SECONDS) -> Store:  # noqa: ASYNC109  the service is told of it
        """Make an empty store; Conflict if there is one of this name."""
        return await self._pool.run(_create(name, description, self._line.until(timeout)))

    async def list(self, *, timeout: float = TIMEOUT_SECONDS) -> tuple[Store, ...]:  # noqa: ASYNC109  as above
        """All stores, by name."""
        return await self._pool.run(_listed(self._line.until(timeout)))

    async def info(self, name: str, *, timeout: float = TIMEOUT_SECONDS) -> Store:  # noqa: ASYNC109  as above
        """What a store holds."""
        return await self._pool.run(_info(name, self._line.until(timeout)))

    async def drop(self, name: str, *, timeout: float = TIMEOUT_SECONDS) -> None:  # noqa: ASYNC109  as above
        """Remove a store and all that is in it."""
        await self._pool.run(_drop(name, self._line.until(timeout)))

    async def add(
        self,
        name: str,
        items: Sequence[object],
        *,
        timeout: float = FILLING_SECONDS,  # noqa: ASYNC109  as above
    ) -> tuple[Kept, ...]:
        """Put items into a store (texts, files, media, or ``Entry``); what became of each, in order."""
        return await self._pool.run(add(quote(name, safe=""), items, self._bounds, self._line.until(timeout)))

    async def add_folder(self, name: str, folder: str, *, timeout: float = TIMEOUT_SECONDS) -> Job:  # noqa: ASYNC109  as above
        """Bring a store in step with a folder on the server that its operator allows; a job does it."""
        return await self._pool.run(_add_folder(name, folder, self._line.until(timeout)))

    async def remove(self, name: str, item: str, *, timeout: float = TIMEOUT_SECONDS) -> int:  # noqa: ASYNC109  as above
        """Remove an item by its id; how many went, for those that were found in it go too."""
        return await self._pool.run(_remove(name, item, self._line.until(timeout)))

    async def search(
        self,
        name: str,
        query: object,
        *,
        timeout: float = TIMEOUT_SECONDS,  # noqa: ASYNC109  as above
        **options: Unpack[Options],
    ) -> Hits:
        """The items nearest to a text, a medium or a ``Query``, best first; options as in ``Collection.search``."""
        return await self._pool.run(search(quote(name, safe=""), query, options, self._line.until(timeout)))


def _create(name: str, description: str, until: Until) -> Flow[Store]:
    document = {"name": name, "description": description}
    reply = yield from ask(Call(method="POST", path=PATH, document=document, repeatable=False), until)
    return _store(document_of(reply, until))


def _listed(until: Until) -> Flow[tuple[Store, ...]]:
    reply = yield from ask(Call(method="GET", path=PATH), until)
    return tuple(_store(each) for each in document_of(reply, until).get("data") or ())


def _info(name: str, until: Until) -> Flow[Store]:
    reply = yield from ask(Call(method="GET", path=_path(name)), until)
    return _store(document_of(reply, until))


def _drop(name: str, until: Until) -> Flow[None]:
    yield from ask(Call(method="DELETE", path=_path(name), repeatable=False), until)


def _add_folder(name: str, folder: str, until: Until) -> Flow[Job]:
    call = Call(method="POST", path=f"{_path(name)}/items", document={"folder": folder}, repeatable=False)
    reply = yield from ask(call, until)
    return job_of(document_of(reply, until))


def _remove(name: str, item: str, until: Until) -> Flow[int]:
    path = f"{_path(name)}/items/{quote(item, safe='')}"
    reply = yield from ask(Call(method="DELETE", path=path, repeatable=False), until)
    return int(document_of(reply, until).get("removed", 0))


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"


def _store(told: Mapping[str, Any]) -> Store:
    return Store(name=str(told.get("name", "")), description=str(told.get("description", "")), fields=told)
