"""What a request hands in for a store: named, prepared by the engine, kept in one change."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Protocol, final
from urllib.parse import quote, unquote

from blake3 import blake3

from commonspace.apps.adding import Kept
from commonspace.apps.progress import failure_dict
from commonspace.core.errors import ItemError
from commonspace.core.item import Metadata
from commonspace.encode.prepare import Prepared
from commonspace.index.records import StoredItem, item_id
from commonspace.ingest.source import Source, printable
from commonspace.serve.stores import Stores
from commonspace.serve.terms import Terms

__all__ = ["Prepares", "Upload", "failed", "keep_now", "kept", "key_of", "named_uri", "prepared_as", "upload_of"]

AT_ONCE: Final = 8
KEEPERS: Final = 8
NAME_CHARS: Final = 200
NAMED: Final = "upload:"
BY_CONTENT: Final = "content:"


class Prepares(Protocol):
    """What is asked of the engine here."""

    async def prepare(self, source: Source, terms: Terms) -> Prepared | ItemError:
        """Decode one source in a fenced process."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One item as it was handed in; ``str`` is text, always, and bytes are encoded media."""

    uri: str
    name: str
    content: str | bytes
    content_hash: str
    metadata: Metadata

    def source(self) -> Source:
        """The item for the engine."""
        return Source(uri=self.uri, name=self.name, origin=self.content)


def upload_of(content: str | bytes, *, key: str | None, name: str, metadata: Mapping[str, Any]) -> Upload:
    """An item under the key that its owner gave it, else known by its content."""
    data = content.encode() if isinstance(content, str) else content
    content_hash = blake3(data).hexdigest()
    title = printable(" ".join(name.split()))[:NAME_CHARS] or key or content_hash[:16]
    uri = f"{BY_CONTENT}{content_hash[:32]}" if key is None else named_uri(key)
    return Upload(uri=uri, name=title, content=content, content_hash=content_hash, metadata=dict(metadata))


def named_uri(key: str) -> str:
    """The uri of an item that its owner calls so."""
    return NAMED + quote(key, safe="")


def key_of(item: StoredItem) -> str | None:
    """What an item's owner calls it; None for files and what is known by its content."""
    return unquote(item.uri.removeprefix(NAMED)) if item.uri.startswith(NAMED) and "#" not in item.uri else None


async def keep_now(
    engine: Prepares, stores: Stores, store: str, uploads: Sequence[Upload], terms: Terms
) -> list[dict[str, Any]]:
    """Prepare and keep items in one change; what became of each, in order.

    Raises:
        Refusal: the engine has no room or time for one of them, or there is no such store; nothing was kept.
    """
    prepared = await _prepared(engine, uploads, terms)
    good = [item for item in prepared if isinstance(item, Prepared)]

    def keep_good() -> list[Kept]:
        with stores.use(terms.tenant, store) as collection:
            return collection.add(good)

    answers = iter(await asyncio.get_running_loop().run_in_executor(_keepers(), keep_good))
    return [
        failed(upload, outcome) if isinstance(outcome, ItemError) else kept(next(answers))
        for upload, outcome in zip(uploads, prepared, strict=True)
    ]


@cache
def _keepers() -> ThreadPoolExecutor:
    """Threads of their own for what waits for the towers and the disk, so that searches wait for neither."""
    return ThreadPoolExecutor(KEEPERS, thread_name_prefix="commonspace-keep")


async def _prepared(engine: Prepares, uploads: Sequence[Upload], terms: Terms) -> list[Prepared | ItemError]:
    """Every item prepared, some at once; when one is refused the others are let go."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(upload: Upload) -> Prepared | ItemError:
        async with room:
            outcome = await engine.prepare(upload.source(), terms)
        return outcome if isinstance(outcome, ItemError) else prepared_as(outcome, upload.metadata)

    tasks = [asyncio.ensure_future(one(upload)) for upload in uploads]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def prepared_as(prepared: Prepared, metadata: Mapping[str, Any]) -> Prepared:
    """A prepared item with what its owner says of it, which goes before what was read from it."""
    return replace(prepared, metadata={**prepared.metadata, **metadata})


def kept(item: Kept) -> dict[str, Any]:
    """One item that is in the store, as it stands in JSON answers."""
    return {
        "id": item.id,
        "uri": item.uri,
        "name": item.name,
        "modality": item.modality.value,
        "status": item.outcome.value,
        "notes": list(item.notes),
        "failures": [failure_dict(failure) for failure in item.failures],
        "error": None,
    }


def failed(upload: Upload, error: ItemError) -> dict[str, Any]:
    """One item that could not be used, as it stands in JSON answers; what the store held of it stays."""
    return {
        "id": item_id(upload.uri),
        "uri": upload.uri,
        "name": upload.name,
        "modality": None,
        "status": "failed",
        "notes": [],
        "failures": [],
        "error": {"code": error.item_code, "cause": error.cause, "fix": error.fix},
    }
