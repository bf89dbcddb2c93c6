"""LlamaIndex has no suite for vector stores: its contract is tested as its own index and retrievers use it."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.schema import ImageNode, NodeRelationship, QueryBundle, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from commonspace.core.errors import UsageError
from commonspace.shell import wire
from commonspace.shell.integrations.llama_index import (
    CommonspaceEmbedding,
    CommonspaceRetriever,
    CommonspaceVectorStore,
)
from tests.fakes import fake_embedder

SAMPLES = Path(__file__).parents[4] / "samples" / "media"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CommonspaceVectorStore]:
    made = CommonspaceVectorStore(wire.collection_over(fake_embedder(), tmp_path / "nodes.cs"))
    yield made
    made.client.close()


def node(name: str, text: str, document: str = "d1", **metadata: object) -> TextNode:
    made = TextNode(id_=name, text=text, metadata=metadata)
    made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=document)
    return made


def ids(store: CommonspaceVectorStore, **query: object) -> list[str]:
    return list(store.query(VectorStoreQuery(query_str="apple", similarity_top_k=10, **query)).ids or [])  # type: ignore[arg-type]


def only(key: str, value: object, operator: FilterOperator) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])  # type: ignore[arg-type]


def test_nodes_come_back_as_they_went(store: CommonspaceVectorStore) -> None:
    nodes = [node("a", "apple", year=2020, tags=["x", "y"]), node("b", "banana", note=None)]

    assert store.add(nodes) == ["a", "b"]
    assert store.get_nodes(["b", "a", "gone"]) == [nodes[1], nodes[0]]


def test_the_nearest_node_comes_first_with_its_similarity(store: CommonspaceVectorStore) -> None:
    store.add([node("a", "zzz"), node("b", "apple")])

    answer = store.query(VectorStoreQuery(query_str="apple", similarity_top_k=1))

    assert (answer.ids, answer.similarities) == (["b"], [pytest.approx(1.0, abs=1e-3)])


def test_an_id_that_is_known_is_replaced(store: CommonspaceVectorStore) -> None:
    store.add([node("a", "old")])
    store.add([node("a", "new")])

    assert [each.get_content() for each in store.get_nodes()] == ["new"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (only("year", 2020, FilterOperator.EQ), {"a"}),
        (only("year", 2020, FilterOperator.NE), {"b", "c"}),
        (only("year", 2020, FilterOperator.GT), {"b"}),
        (only("year", 2021, FilterOperator.LTE), {"a", "b"}),
        (only("year", [2020, 2021], FilterOperator.IN), {"a", "b"}),
        (only("tags", "y", FilterOperator.CONTAINS), {"a"}),
        (only("tags", ["y", "z"], FilterOperator.ANY), {"a", "b"}),
        (only("tags", ["x", "y"], FilterOperator.ALL), {"a"}),
        (only("title", "APPLE", FilterOperator.TEXT_MATCH_INSENSITIVE), {"c"}),
        (only("year", None, FilterOperator.IS_EMPTY), {"c"}),
        (only("title", 3, FilterOperator.GT), set()),
        (
            MetadataFilters(
                filters=[only("year", 2020, FilterOperator.EQ), only("title", "x", FilterOperator.NE)],
                condition=FilterCondition.AND,
            ),
            {"a"},
        ),
        (MetadataFilters(filters=[only("year", 2020, FilterOperator.EQ)], condition=FilterCondition.NOT), {"b", "c"}),
    ],
    ids=["eq", "ne", "gt", "lte", "in", "contains", "any", "all", "text", "empty", "no order", "nested", "not"],
)
def test_filters_keep_to_what_matches(
    store: CommonspaceVectorStore, filters: MetadataFilters, expected: set[str]
) -> None:
    store.add(
        [
            node("a", "apple", year=2020, tags=["x", "y"]),
            node("b", "apple pie", year=2021, tags=["z"]),
            node("c", "apples", title="an apple"),
        ]
    )

    assert set(ids(store, filters=filters)) == expected
    assert {each.node_id for each in store.get_nodes(filters=filters)} == expected


def test_a_query_keeps_to_documents_and_nodes(store: CommonspaceVectorStore) -> None:
    store.add([node("a", "apple"), node("b", "apple", document="d2")])

    assert ids(store, doc_ids=["d2"]) == ["b"]
    assert ids(store, node_ids=["a"]) == ["a"]


def test_nodes_go_by_document_by_id_and_all_at_once(store: CommonspaceVectorStore) -> None:
    store.add([node("a", "apple"), node("b", "banana", document="d2"), node("c", "cherry"), node("d", "date")])

    store.delete("d2")
    store.delete_nodes(["c"])
    assert {each.node_id for each in store.get_nodes()} == {"a", "d"}
    store.clear()
    assert store.get_nodes() == []


def test_what_makes_no_sense_is_refused(store: CommonspaceVectorStore) -> None:
    with pytest.raises(UsageError, match="No nodes were named"):
        store.delete_nodes()
    with pytest.raises(UsageError, match="neither text nor vector"):
        store.query(VectorStoreQuery())
    with pytest.raises(UsageError, match="hybrid"):
        store.query(VectorStoreQuery(query_str="a", mode=VectorStoreQueryMode.HYBRID))
    with pytest.raises(UsageError, match="not base64"):
        store.add([ImageNode(image="!")])


def test_llama_indexs_own_index_fills_and_asks_the_store(store: CommonspaceVectorStore) -> None:
    embedding = CommonspaceEmbedding(store.client.embedder)
    context = StorageContext.from_defaults(vector_store=store)
    VectorStoreIndex([node("a", "apple"), node("b", "zzz")], storage_context=context, embed_model=embedding)

    again = VectorStoreIndex.from_vector_store(store, embed_model=embedding)

    (best,) = again.as_retriever(similarity_top_k=1).retrieve("apple")
    assert (best.node.node_id, best.node.get_content()) == ("a", "apple")


def test_pictures_are_found_by_a_picture_as_image_nodes(store: CommonspaceVectorStore) -> None:
    dog, cat = SAMPLES / "images" / "dog.jpg", SAMPLES / "images" / "cat.jpg"
    given = ImageNode(id_="dog", image=base64.b64encode(dog.read_bytes()).decode())
    store.add([given, node("a", "apple")])
    store.client.index([cat])
    retriever = CommonspaceRetriever(store, similarity_top_k=1)

    (found,) = retriever.retrieve(QueryBundle(query_str="", image_path=str(dog)))
    (file,) = retriever.retrieve(QueryBundle(query_str="", image_path=str(cat)))

    assert found.node == given
    assert isinstance(file.node, ImageNode)
    assert (file.node.image_path, file.node.metadata["name"]) == (str(cat), "cat.jpg")


def test_the_embedding_is_the_spaces(store: CommonspaceVectorStore) -> None:
    embedder = store.client.embedder
    embedding = CommonspaceEmbedding(embedder)

    assert embedding.get_text_embedding("apple") == pytest.approx(embedder.embed(["apple"])[0].tolist())
    picture = SAMPLES / "images" / "cat.jpg"
    assert embedding.get_image_embedding(str(picture)) == pytest.approx(embedder.embed([picture])[0].tolist())
