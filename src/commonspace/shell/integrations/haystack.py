"""A collection as Haystack's document store and retriever; needs the extra ``haystack``.

Documents come back as they were written, their own embeddings included, which play no part: the space embeds. Files
that the collection holds are documents too, with their citation as ``meta``. Filters are Haystack's, evaluated by its
own code over the documents; a search is narrowed by the store's filter first. Haystack's own errors are raised where
its contract names them.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self, final

from commonspace.apps.collection import Collection
from commonspace.apps.rag.shelf import Record, Shelf, own_id, record_of
from commonspace.core.errors import MissingExtra
from commonspace.index.filters import Filter
from commonspace.retrieve.hit import Hit
from commonspace.shell import wire
from commonspace.shell.integrations.narrowing import all_of, any_of, checked, compared
from commonspace.shell.integrations.views import view_of_hit, view_of_item

try:
    from haystack import Document, component, default_from_dict, default_to_dict
    from haystack.document_stores.errors import DuplicateDocumentError
    from haystack.document_stores.types import DuplicatePolicy
    from haystack.utils.filters import document_matches_filter
except ImportError as error:
    raise MissingExtra("Haystack is not installed.", fix="pip install 'commonspace[haystack]'") from error

__all__ = ["CommonspaceDocumentStore", "CommonspaceRetriever"]

Filters = dict[str, Any]
STORED: Final = {"==": "=", ">": ">", ">=": ">=", "<": "<", "<=": "<=", "in": "in"}
DEEPEST: Final = 16


@final
class CommonspaceDocumentStore:
    """Documents in a collection: ``store`` is an open one, or the folder of one (made if missing)."""

    def __init__(self, store: Collection | str | Path) -> None:
        self.collection = store if isinstance(store, Collection) else wire.open_collection(store, create=True)
        self._shelf = Shelf(self.collection)

    def to_dict(self) -> dict[str, Any]:
        """The store by its folder, for pipelines that are written to disk."""
        return default_to_dict(self, store=str(self.collection.info().path))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The store at the folder that ``to_dict`` named."""
        made: Self = default_from_dict(cls, data)
        return made

    def count_documents(self) -> int:
        """How many documents there are, files of the collection included."""
        return sum(1 for _ in self._shelf.items())

    def count_documents_by_filter(self, filters: Filters) -> int:
        """How many documents match."""
        return len(self.filter_documents(filters))

    def filter_documents(self, filters: Filters | None = None) -> list[Document]:
        """The documents that match, by uri; all without a filter.

        Raises:
            ValueError: the filter is not one.
            FilterError: a part of it is not.
        """
        return [document for document in self._documents() if _matching(filters)(document)]

    def write_documents(self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE) -> int:
        """Keep documents; how many were written. Without a policy an id that is known is a mistake.

        Raises:
            ValueError: these are no documents.
            DuplicateDocumentError: an id is known, and the policy is to fail; nothing was written.
        """
        if not _are_documents(documents):
            raise ValueError("Please provide a list of Documents.")
        fresh = documents
        if policy is not DuplicatePolicy.OVERWRITE:
            fresh = list({each.id: each for each in reversed(documents) if self._shelf.item(each.id) is None}.values())
            if len(fresh) < len(documents) and policy is not DuplicatePolicy.SKIP:
                known = {each.id for each in documents} - {each.id for each in fresh}
                raise DuplicateDocumentError(f"These ids are known, or given twice: {', '.join(sorted(known)[:5])}")
        self._shelf.put([_record(each) for each in fresh])
        return len(fresh)

    def delete_documents(self, document_ids: list[str]) -> None:
        """Forget documents by id; unknown ids are no mistake."""
        self._shelf.remove(document_ids)

    def delete_all_documents(self) -> None:
        """Forget everything, files of the collection included; the files themselves stay."""
        self._shelf.remove([own_id(item) for item in self._shelf.items()])

    def delete_by_filter(self, filters: Filters) -> int:
        """Forget what matches; how many went."""
        return self._shelf.remove([document.id for document in self.filter_documents(filters)])

    def update_by_filter(self, filters: Filters, meta: dict[str, Any]) -> int:
        """Add to the ``meta`` of the documents that match; how many there were. Files stay as they are."""
        matching = [document for document in self._documents(written=True) if _matching(filters)(document)]
        self._shelf.put([_record(replace(each, meta={**each.meta, **meta})) for each in matching])
        return len(matching)

    def retrieve(self, query: str | Path, filters: Filters | None, top_k: int) -> list[Document]:
        """The nearest documents to a text or a file, best first, with their score."""
        accept = _accepting(filters) if filters else None
        asked = self.collection.embedder.query(query) if isinstance(query, Path) else query
        where = checked(_narrowed(filters)) if filters else None
        return [_of_hit(found.hit) for found in self._shelf.search(asked, top_k, accept, where=where)]

    async def count_documents_async(self) -> int:
        """As ``count_documents``."""
        return await asyncio.to_thread(self.count_documents)

    async def count_documents_by_filter_async(self, filters: Filters) -> int:
        """As ``count_documents_by_filter``."""
        return await asyncio.to_thread(self.count_documents_by_filter, filters)

    async def filter_documents_async(self, filters: Filters | None = None) -> list[Document]:
        """As ``filter_documents``."""
        return await asyncio.to_thread(self.filter_documents, filters)

    async def write_documents_async(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """As ``write_documents``."""
        return await asyncio.to_thread(self.write_documents, documents, policy)

    async def delete_documents_async(self, document_ids: list[str]) -> None:
        """As ``delete_documents``."""
        await asyncio.to_thread(self.delete_documents, document_ids)

    async def delete_all_documents_async(self) -> None:
        """As ``delete_all_documents``."""
        await asyncio.to_thread(self.delete_all_documents)

    async def delete_by_filter_async(self, filters: Filters) -> int:
        """As ``delete_by_filter``."""
        return await asyncio.to_thread(self.delete_by_filter, filters)

    async def update_by_filter_async(self, filters: Filters, meta: dict[str, Any]) -> int:
        """As ``update_by_filter``."""
        return await asyncio.to_thread(self.update_by_filter, filters, meta)

    def _documents(self, *, written: bool = False) -> Iterator[Document]:
        """All documents; only those that were ``written`` here, without the collection's files, if so asked."""
        for item in self._shelf.items():
            fields = record_of(item.metadata)
            if fields is not None:
                yield Document.from_dict(fields)
            elif not written:
                text, meta = view_of_item(self.collection, item)
                yield Document(id=item.id, content=text, meta=meta)


@final
@component
class CommonspaceRetriever:
    """Finds the documents nearest to a text, or to a file given as a ``Path``: in ``filters``, at most ``top_k``."""

    def __init__(
        self, document_store: CommonspaceDocumentStore, filters: Filters | None = None, top_k: int = 10
    ) -> None:
        self.document_store = document_store
        self.filters = filters
        self.top_k = top_k

    def to_dict(self) -> dict[str, Any]:
        """The component and its store, for pipelines that are written to disk."""
        store = self.document_store.to_dict()
        return default_to_dict(self, document_store=store, filters=self.filters, top_k=self.top_k)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The component that ``to_dict`` told of."""
        given = data["init_parameters"]
        given["document_store"] = CommonspaceDocumentStore.from_dict(given["document_store"])
        made: Self = default_from_dict(cls, data)
        return made

    @component.output_types(documents=list[Document])
    def run(
        self, query: str | Path, filters: Filters | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """The documents, best first; what is given here goes before what was given to the component."""
        found = self.document_store.retrieve(query, filters or self.filters, top_k or self.top_k)
        return {"documents": found}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str | Path, filters: Filters | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """As ``run``."""
        return await asyncio.to_thread(self.run, query, filters, top_k)


def _record(document: Document) -> Record:
    content = document.content if document.content is not None else document.blob.data if document.blob else ""
    return Record(id=document.id, content=content, fields=document.to_dict(flatten=False), values=document.meta)


def _are_documents(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(each, Document) for each in given)


def _matching(filters: Filters | None) -> Callable[[Document], bool]:
    if not filters:
        return lambda _: True
    if "operator" not in filters and "conditions" not in filters:
        raise ValueError("Invalid filter: it needs an 'operator' with a 'field' and a 'value', or with 'conditions'.")
    return lambda document: bool(document_matches_filter(filters=filters, document=document))


def _accepting(filters: Filters) -> Callable[[Hit], bool]:
    matching = _matching(filters)
    return lambda hit: matching(_of_hit(hit))


def _narrowed(filters: Filters, depth: int = 0) -> Filter | None:
    """The same as far as a store's filter can say it; texts are left out where Haystack may take them for dates."""
    field, operator, value = filters.get("field"), filters.get("operator"), filters.get("value")
    if depth > DEEPEST:
        return None
    if field is None:
        parts = [_narrowed(each, depth + 1) for each in filters.get("conditions", ()) if isinstance(each, dict)]
        return all_of(parts) if operator == "AND" else any_of(parts) if operator == "OR" else None
    texts = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
    if not str(field).startswith("meta.") or any(each[:4].isdigit() for each in texts):
        return None
    return compared(str(field).removeprefix("meta."), STORED.get(str(operator), ""), value)


def _of_hit(hit: Hit) -> Document:
    """The document that was written, or a file's passage; with the score, the probability where there is one."""
    text, meta = view_of_hit(hit)
    fields = record_of(hit.metadata)
    if fields is None:
        return Document(id=hit.id, content=text, meta=meta, score=hit.score)
    return replace(Document.from_dict(fields), score=hit.score)
