"""A collection as LangChain's vector store and retriever; needs the extra ``langchain``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, final
from uuid import uuid4

import numpy as np

from commonspace.apps.collection import Collection
from commonspace.apps.rag.shelf import Found, Record, Shelf, own_id, record_of
from commonspace.core.errors import MissingExtra, UsageError
from commonspace.core.modality import Modality
from commonspace.core.vectors import unit
from commonspace.encode.embedder import Embedding
from commonspace.encode.given import given_embedder
from commonspace.shell import wire
from commonspace.shell.integrations.matching import matches, narrowed
from commonspace.shell.integrations.narrowing import checked
from commonspace.shell.integrations.views import view_of_hit, view_of_item

try:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.vectorstores import VectorStore
    from langchain_core.vectorstores.utils import maximal_marginal_relevance
except ImportError as error:
    raise MissingExtra("LangChain is not installed.", fix="pip install 'commonspace[langchain]'") from error

if TYPE_CHECKING:
    from commonspace.encode.embedder import Embedder
    from commonspace.index.records import StoredItem
    from commonspace.retrieve.hit import Hit

__all__ = ["CommonspaceEmbeddings", "CommonspaceRetriever", "CommonspaceVectorStore"]

Filter = Mapping[str, Any] | Callable[[Document], bool]


@final
class CommonspaceEmbeddings(Embeddings):
    """A space as LangChain's embeddings, with pictures: ``embed_image`` takes their paths."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One unit vector a text, in order."""
        return [[float(number) for number in row] for row in self._embedder.embed(texts)]

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question."""
        return self.embed_documents([text])[0]

    def embed_image(self, uris: list[str]) -> list[list[float]]:
        """One unit vector a picture's path, in order."""
        return [[float(number) for number in row] for row in self._embedder.embed([Path(uri) for uri in uris])]


@final
class CommonspaceVectorStore(VectorStore):
    """Texts with metadata and ids, and whatever media the collection holds, found together.

    ``store`` is an open collection, or the folder of one (made if missing). The space embeds; with ``embedding``,
    which needs a folder, that encoder does, and the store holds nothing but its texts.
    """

    def __init__(self, store: Collection | str | Path, *, embedding: Embeddings | None = None) -> None:
        if isinstance(store, Collection):
            if embedding is not None:
                raise UsageError("An open collection embeds for itself.", fix="Give the store's folder instead.")
            self.collection = store
        elif embedding is None:
            self.collection = wire.open_collection(store, create=True)
        else:
            self.collection = wire.collection_over(_given(embedding), store)
        self._embedding = embedding
        self._shelf = Shelf(self.collection)

    @property
    def embeddings(self) -> Embeddings:
        """What embeds here."""
        return self._embedding or CommonspaceEmbeddings(self.collection.embedder)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> CommonspaceVectorStore:
        """A store of these texts; ``store``, its folder, is needed too."""
        if "store" not in kwargs:
            raise UsageError("No folder was named for the store.", fix="Add store='notes.cs'.")
        if isinstance(embedding, CommonspaceEmbeddings):
            embedding = None
        made = cls(kwargs["store"], embedding=embedding)
        made.add_texts(texts, metadatas, ids=ids)
        return made

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,  # noqa: ARG002  # LangChain's signature
    ) -> list[str]:
        """Keep texts, in one change where there are few; one of a known id is replaced. Their ids, in order."""
        contents = list(texts)
        told = repeat({}) if metadatas is None else metadatas
        names = [each or str(uuid4()) for each in (repeat(None, len(contents)) if ids is None else ids)]
        if len(names) != len(contents) or (metadatas is not None and len(metadatas) != len(contents)):
            raise UsageError("There are not as many ids or metadatas as texts.", fix="Give one a text.")
        self._shelf.put(
            [
                Record(id=name, content=text, fields={"page_content": text, "metadata": metadata}, values=metadata)
                for name, text, metadata in zip(names, contents, told, strict=False)
            ]
        )
        return names

    def add_files(self, paths: Sequence[str | Path]) -> list[str]:
        """Index files and folders of any kind as ``commonspace index`` does; the ids of what is under them now.

        Files that cannot be used are left out; ``collection.index`` says which and why.
        """
        before = self.collection.info().sequence
        report = self.collection.index(paths)
        wanted = [Path(path).expanduser().absolute().as_uri() for path in paths]
        if self.collection.info().sequence == before and not report.unchanged:
            return []
        return [item.id for item in self.collection.items() if any(_under(item.uri, each) for each in wanted)]

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:  # noqa: ARG002  # LangChain's signature
        """Forget documents by id, every item if ``ids`` is None; ids that are unknown are no mistake."""
        self._shelf.remove([own_id(item) for item in self._shelf.items()] if ids is None else ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents of these ids, in order; unknown ids are left out."""
        items = (self._shelf.item(each) for each in ids)
        return [self._document_of_item(item) for item in items if item is not None]

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The ``k`` nearest documents; options as in ``similarity_search_with_score``."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(self, query: str, k: int = 4, **kwargs: Any) -> list[tuple[Document, float]]:
        """The ``k`` nearest with their scores (higher is better).

        ``filter`` is metadata as it must be (``{"year": {"$gt": 2020}}``) or a function of a document; ``modality``
        keeps to text, image, audio or video.
        """
        return [(_document(found), found.hit.score) for found in self._found(query, k, **kwargs)]

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        """The ``k`` nearest to a vector of this space, as if it were of a text."""
        return [_document(found) for found in self._found(_query_of(embedding), k, **kwargs)]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Of the ``fetch_k`` nearest, ``k`` that are near and unlike each other (Carbonell and Goldstein 1998)."""
        asked = self._asked(query)
        return self._diverse(asked, k, fetch_k, lambda_mult, kwargs)

    def max_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """As ``max_marginal_relevance_search``, for a vector of this space."""
        return self._diverse(_query_of(embedding), k, fetch_k, lambda_mult, kwargs)

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Zero to one: the probability of relevance where the space is calibrated, else the cosine shifted."""
        return [(_document(found), _relevance(found.hit)) for found in self._found(query, k, **kwargs)]

    def _asked(self, query: str) -> Embedding:
        if self._embedding is None:
            return self.collection.embedder.query(query)
        return _query_of(self._embedding.embed_query(query))

    def _found(
        self,
        query: str | Embedding,
        k: int,
        filter: Filter | None = None,  # noqa: A002  # LangChain's name
        modality: str | None = None,
        **_: Any,
    ) -> list[Found]:
        asked = self._asked(query) if isinstance(query, str) and self._embedding is not None else query
        accept = None if filter is None else _accepting(filter)
        where = checked(narrowed(filter)) if isinstance(filter, Mapping) else None
        return self._shelf.search(asked, k, accept, modality=modality, where=where)

    def _diverse(
        self, asked: Embedding, k: int, fetch_k: int, lambda_mult: float, options: dict[str, Any]
    ) -> list[Document]:
        found = self._found(asked, max(k, fetch_k), **options)
        known = [self.collection.embedding(each.hit.id) for each in found]
        vectors = [each.vector.tolist() for each in known if each is not None]
        chosen = maximal_marginal_relevance(asked.vector, vectors, lambda_mult=lambda_mult, k=k)
        return [_document(found[place]) for place in chosen]

    def _document_of_item(self, item: StoredItem) -> Document:
        fields = record_of(item.metadata)
        return _restored(own_id(item), fields) if fields else _viewed(item.id, *view_of_item(self.collection, item))


@final
class CommonspaceRetriever(BaseRetriever):
    """Documents for a question, best first, each with its citation in the metadata.

    With ``modality`` only items of it; with ``good_only`` nothing that the calibration calls a weak match, so that
    there may be none.
    """

    store: Any
    k: int = 4
    modality: str | None = None
    good_only: bool = False

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002  # LangChain's signature
        k: int | None = None,
    ) -> list[Document]:
        wanted = k or self.k
        accept = (lambda hit: hit.good is not False) if self.good_only else None
        store: CommonspaceVectorStore = self.store
        shelf = Shelf(store.collection)
        asked = store._asked(query)  # noqa: SLF001  # two halves of one adapter
        found = shelf.search(asked, wanted, accept, modality=self.modality)
        return [_document(each, cited=True) for each in found]


def _given(embedding: Embeddings) -> Embedder:
    """The embedder over a LangChain encoder, known by its class and model name."""
    named = getattr(embedding, "model_name", None) or getattr(embedding, "model", None)
    name = f"langchain-{type(embedding).__name__}" + (f"-{named}" if isinstance(named, str) else "")
    dimension = len(embedding.embed_query("dimension"))
    return given_embedder(name, dimension, embedding.embed_documents)


def _query_of(vector: Sequence[float]) -> Embedding:
    row = unit(np.asarray([vector], dtype=np.float64))[0]
    return Embedding(vector=row, modality=Modality.TEXT, notes=())


def _relevance(hit: Hit) -> float:
    shifted = min(1.0, max(0.0, (hit.score + 1.0) / 2.0))
    return shifted if hit.probability is None else hit.probability


def _accepting(wanted: Filter) -> Callable[[Hit], bool]:
    """A filter of documents as one of hits."""

    def accept(hit: Hit) -> bool:
        document = _document(Found(hit=hit, fields=record_of(hit.metadata)))
        return matches(document.metadata, wanted) if isinstance(wanted, Mapping) else wanted(document)

    return accept


def _document(found: Found, *, cited: bool = False) -> Document:
    """A hit as a document: what was put in as it was, files with their citation as metadata."""
    text, citation = view_of_hit(found.hit)
    if found.fields is None:
        return _viewed(found.hit.id, text, citation)
    document = _restored(own_id(found.hit), found.fields)
    return (
        Document(id=document.id, page_content=document.page_content, metadata={**citation, **document.metadata})
        if cited
        else document
    )


def _restored(id: str, fields: dict[str, Any]) -> Document:  # noqa: A002  # LangChain's name
    return Document(id=id, page_content=fields.get("page_content", ""), metadata=fields.get("metadata", {}))


def _viewed(id: str, text: str, citation: dict[str, Any]) -> Document:  # noqa: A002  # LangChain's name
    return Document(id=id, page_content=text, metadata=citation)


def _under(uri: str, place: str) -> bool:
    return uri == place or uri.startswith((place + "/", place + "#"))
