"""A collection as LlamaIndex's vector store, retriever and embedding; needs the extra ``llama-index``."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from commonspace.apps.collection import Collection
from commonspace.apps.rag.shelf import Record, Shelf, own_id, record_of
from commonspace.core.errors import MissingExtra, UsageError
from commonspace.core.modality import Modality
from commonspace.core.vectors import unit
from commonspace.encode.embedder import Embedder, Embedding
from commonspace.index.filters import Filter
from commonspace.index.records import StoredItem
from commonspace.retrieve.hit import Hit
from commonspace.shell import wire
from commonspace.shell.integrations.narrowing import all_of, any_of, checked, compared
from commonspace.shell.integrations.views import view_of_hit, view_of_item

try:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.embeddings import MultiModalEmbedding
    from llama_index.core.schema import BaseNode, ImageNode, MetadataMode, NodeWithScore, QueryBundle, TextNode
    from llama_index.core.vector_stores.types import (
        BasePydanticVectorStore,
        FilterCondition,
        FilterOperator,
        MetadataFilter,
        MetadataFilters,
        VectorStoreQuery,
        VectorStoreQueryMode,
        VectorStoreQueryResult,
    )
    from llama_index.core.vector_stores.utils import (
        build_metadata_filter_fn,
        metadata_dict_to_node,
        node_to_metadata_dict,
    )
except ImportError as error:
    raise MissingExtra("LlamaIndex is not installed.", fix="pip install 'commonspace[llama-index]'") from error

__all__ = ["CommonspaceEmbedding", "CommonspaceRetriever", "CommonspaceVectorStore"]

STORED: Final = {
    FilterOperator.EQ: "=",
    FilterOperator.GT: ">",
    FilterOperator.GTE: ">=",
    FilterOperator.LT: "<",
    FilterOperator.LTE: "<=",
    FilterOperator.IN: "in",
}
DEEPEST: Final = 16


@final
class CommonspaceEmbedding(MultiModalEmbedding):
    """A space as LlamaIndex's embedding of texts and pictures."""

    _embedder: Embedder = PrivateAttr()

    def __init__(self, embedder: Embedder, **kwargs: Any) -> None:
        super().__init__(model_name=embedder.space.name, **kwargs)
        self._embedder = embedder

    @classmethod
    def class_name(cls) -> str:
        """How LlamaIndex calls this class in what it writes."""
        return "CommonspaceEmbedding"

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [[float(number) for number in row] for row in self._embedder.embed(texts)]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_image_embedding(self, img_file_path: str | BytesIO) -> list[float]:
        item = img_file_path.getvalue() if isinstance(img_file_path, BytesIO) else Path(img_file_path)
        return [float(number) for number in self._embedder.embed([item])[0]]

    async def _aget_image_embedding(self, img_file_path: str | BytesIO) -> list[float]:
        return await asyncio.to_thread(self._get_image_embedding, img_file_path)


@final
class CommonspaceVectorStore(BasePydanticVectorStore):
    """Nodes, pictures among them, in a collection: an open one, or the folder of one (made if missing).

    The space embeds: vectors that nodes bring along play no part, so none of another model gets in. Questions come as
    text (``is_embedding_query`` is off). Filters are LlamaIndex's, evaluated by its own code, what is searched
    narrowed by the store's filter first.
    """

    stores_text: bool = True
    is_embedding_query: bool = False
    _shelf: Shelf = PrivateAttr()

    def __init__(self, store: Collection | str | Path, **kwargs: Any) -> None:
        super().__init__(**{"stores_text": True, **kwargs})
        self._shelf = Shelf(store if isinstance(store, Collection) else wire.open_collection(store, create=True))

    @classmethod
    def class_name(cls) -> str:
        """How LlamaIndex calls this class in what it writes."""
        return "CommonspaceVectorStore"

    @property
    def client(self) -> Collection:
        """The collection."""
        return self._shelf.collection

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:  # noqa: ARG002  # LlamaIndex's signature
        """Keep nodes; one of a known id is replaced. Their ids, in order."""
        self._shelf.put([_record(node) for node in nodes])
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:  # noqa: ARG002  # LlamaIndex's signature
        """Forget the nodes of one document."""
        self._shelf.remove([node.node_id for node in self.get_nodes() if node.ref_doc_id == ref_doc_id])

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,  # noqa: ARG002  # LlamaIndex's signature
    ) -> None:
        """Forget nodes of these ids that match; neither given is a mistake, for ``clear`` forgets everything."""
        if node_ids is None and filters is None:
            raise UsageError("No nodes were named.", fix="Give node_ids or filters, or call clear().")
        self._shelf.remove([node.node_id for node in self.get_nodes(node_ids, filters)])

    def clear(self) -> None:
        """Forget everything, files of the collection included; the files themselves stay."""
        self._shelf.remove([own_id(item) for item in self._shelf.items()])

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """The nodes of these ids (all if None) that match, unknown ids left out."""
        items = self._shelf.items() if node_ids is None else (self._shelf.item(each) for each in node_ids)
        nodes = [_node_of_item(self.client, item) for item in items if item is not None]
        return [node for node in nodes if filters is None or _matches(filters, node.metadata)]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:  # noqa: ARG002  # LlamaIndex's signature
        """The nearest nodes to a text, or to a vector of this space where there is no text.

        Raises:
            UsageError: neither is given, or another mode than the default one is asked for.
        """
        if query.mode is not VectorStoreQueryMode.DEFAULT:
            raise UsageError(f"The mode '{query.mode.value}' is not known here.", fix="Use the default mode.")
        where = None if query.filters is None else checked(_narrowed(query.filters))
        found = self._shelf.search(_asked(query), query.similarity_top_k, _accepting(query), where=where)
        nodes = [_node_of_hit(each.hit) for each in found]
        return VectorStoreQueryResult(
            nodes=nodes, similarities=[each.hit.score for each in found], ids=[node.node_id for node in nodes]
        )


@final
class CommonspaceRetriever(BaseRetriever):
    """Nodes for a question, best first: passages, pictures as ``ImageNode``, sounds and videos by their citation.

    A question with an ``image_path`` is searched for by that picture.
    """

    def __init__(self, store: CommonspaceVectorStore, similarity_top_k: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._store = store
        self._top_k = similarity_top_k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        collection = self._store.client
        image = query_bundle.image_path
        asked = collection.embedder.query(Path(image)) if image else query_bundle.query_str
        found = Shelf(collection).search(asked, self._top_k)
        return [NodeWithScore(node=_node_of_hit(each.hit), score=each.hit.score) for each in found]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _record(node: BaseNode) -> Record:
    return Record(
        id=node.node_id,
        content=_content(node),
        fields=node_to_metadata_dict(node, remove_text=False),
        values=node.metadata,
    )


def _content(node: BaseNode) -> str | bytes:
    """What is embedded: a picture that the node holds or names, else its text. Nothing is fetched from a URL."""
    if isinstance(node, ImageNode) and node.image:
        try:
            return base64.b64decode(node.image, validate=True)
        except binascii.Error:
            raise UsageError(f"The picture of node '{node.node_id}' is not base64.", fix="Encode it anew.") from None
    if isinstance(node, ImageNode) and node.image_path:
        return Path(node.image_path).read_bytes()
    return node.get_content(MetadataMode.NONE)


def _asked(query: VectorStoreQuery) -> str | Embedding:
    if query.query_str:
        return query.query_str
    if query.query_embedding is None:
        raise UsageError("The query has neither text nor vector.", fix="Set query_str.")
    row = unit(np.asarray([query.query_embedding], dtype=np.float64))[0]
    return Embedding(vector=row, modality=Modality.TEXT, notes=())


def _accepting(query: VectorStoreQuery) -> Callable[[Hit], bool] | None:
    filters, ids, documents = query.filters, query.node_ids or None, query.doc_ids or None
    if filters is None and ids is None and documents is None:
        return None

    def accept(hit: Hit) -> bool:
        node = _node_of_hit(hit)
        return (
            (ids is None or node.node_id in ids)
            and (documents is None or node.ref_doc_id in documents)
            and (filters is None or _matches(filters, node.metadata))
        )

    return accept


def _matches(filters: MetadataFilters, metadata: dict[str, Any]) -> bool:
    """LlamaIndex's own comparisons, nested filters too; values that have no order do not match."""

    def one(each: MetadataFilter | MetadataFilters) -> bool:
        if isinstance(each, MetadataFilters):
            return _matches(each, metadata)
        try:
            return bool(build_metadata_filter_fn(lambda _: metadata, MetadataFilters(filters=[each]))(""))
        except TypeError:
            return False

    answers = [one(each) for each in filters.filters]
    if filters.condition is FilterCondition.OR:
        return any(answers)
    return not any(answers) if filters.condition is FilterCondition.NOT else all(answers)


def _narrowed(filters: MetadataFilters, depth: int = 0) -> Filter | None:
    """The same as far as a store's filter can say it."""
    if depth > DEEPEST:
        return None
    parts = [
        _narrowed(each, depth + 1)
        if isinstance(each, MetadataFilters)
        else compared(each.key, STORED.get(each.operator, ""), each.value)
        for each in filters.filters
    ]
    if filters.condition is FilterCondition.OR:
        return any_of(parts)
    return None if filters.condition is FilterCondition.NOT else all_of(parts)


def _node_of_hit(hit: Hit) -> BaseNode:
    fields = record_of(hit.metadata)
    return metadata_dict_to_node(fields) if fields else _viewed(hit, *view_of_hit(hit))


def _node_of_item(collection: Collection, item: StoredItem) -> BaseNode:
    fields = record_of(item.metadata)
    return metadata_dict_to_node(fields) if fields else _viewed(item, *view_of_item(collection, item))


def _viewed(of: Hit | StoredItem, text: str, metadata: dict[str, Any]) -> BaseNode:
    """A file of the collection as a node: a picture that stands on its own as one that knows its path."""
    path = of.path if isinstance(of, Hit) else None
    if of.modality is Modality.IMAGE and path is not None:
        node: TextNode = ImageNode(
            id_=of.id, text=text, metadata=metadata, image_path=str(path), image_mimetype=of.media_type
        )
    else:
        node = TextNode(id_=of.id, text=text, metadata=metadata)
    node.excluded_llm_metadata_keys = node.excluded_embed_metadata_keys = ["regions"]  # numbers, no words
    return node
