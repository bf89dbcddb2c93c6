"""LangChain's own conformance suites, over its deterministic encoder; and what only media have."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests, VectorStoreIntegrationTests

from commonspace.core.errors import SpaceMismatch, UsageError
from commonspace.index.filter_text import filter_of
from commonspace.shell import wire
from commonspace.shell.integrations.langchain import CommonspaceRetriever, CommonspaceVectorStore
from commonspace.shell.integrations.matching import matches, narrowed
from tests.fakes import fake_embedder

SAMPLES = Path(__file__).parents[4] / "samples" / "media"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
class TestTheVectorStoreSuite(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        store = CommonspaceVectorStore(tmp_path / "texts.cs", embedding=self.get_embeddings())
        yield store
        store.collection.close()


@pytest.mark.anyio
class TestTheRetrieverSuite(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def store(self, tmp_path: Path) -> Iterator[None]:
        self._store = CommonspaceVectorStore(tmp_path / "texts.cs", embedding=DeterministicFakeEmbedding(size=6))
        self._store.add_texts(["foo", "bar", "baz", "qux", "quux"])
        yield
        self._store.collection.close()

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return CommonspaceRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"store": self._store}

    @property
    def retriever_query_example(self) -> str:
        return "foo"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CommonspaceVectorStore]:
    made = CommonspaceVectorStore(wire.collection_over(fake_embedder(), tmp_path / "mixed.cs"))
    yield made
    made.collection.close()


def test_texts_and_files_are_found_together_with_their_citations(store: CommonspaceVectorStore) -> None:
    store.add_texts(["a dog in the rain"], [{"page": 7}], ids=["note"])
    (cat,) = store.add_files([SAMPLES / "images" / "cat.jpg"])

    (picture,) = store.similarity_search("a cat", k=1, modality="image")
    found = store.similarity_search("a dog in the rain", k=10)

    assert (picture.id, picture.page_content) == (cat, "cat.jpg (image)")
    assert picture.metadata["uri"] == (SAMPLES / "images" / "cat.jpg").as_uri()
    assert next(document.id for document in found) == "note"
    assert {document.id for document in found} == {"note", cat}
    assert store.get_by_ids([cat])[0].metadata["media_type"] == "image/jpeg"


def test_passages_of_a_pdf_say_their_page(store: CommonspaceVectorStore) -> None:
    store.add_files([SAMPLES / "documents"])

    (passage,) = store.similarity_search("the yard", k=1, modality="text")

    assert passage.metadata["label"] == f"farm-guide.pdf, page {passage.metadata['page']}"


def test_metadata_comes_back_whole_and_filters_reach_as_far_as_they_must(store: CommonspaceVectorStore) -> None:
    nested = {"tags": ["a", "b"], "year": 1999, "none": None}
    store.add_texts([f"text {number}" for number in range(100)], [{"year": number} for number in range(100)])
    store.add_texts(["zzz"], [nested], ids=["last"])

    found = store.similarity_search("text", k=2, filter={"year": {"$gt": 1000}})

    assert [(document.id, document.metadata) for document in found] == [("last", nested)]
    assert len(store.similarity_search("text", k=4, filter=lambda document: document.metadata["year"] % 2 == 0)) == 4


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"a": 1}, True),
        ({"a": 2}, False),
        ({"a": [1, 2]}, True),
        ({"a": {"$gte": 1, "$lt": 2}}, True),
        ({"b": {"$ne": 1}}, True),
        ({"b": 1}, False),
        ({"a": {"$gt": "x"}}, False),
        ({"$or": [{"a": 2}, {"c": "x"}]}, True),
        ({"$and": [{"a": 1}, {"c": "y"}]}, False),
        ({"$not": {"a": 1}}, False),
        ({"c": {"$nin": ["x"]}}, False),
    ],
    ids=["equal", "unequal", "one of", "range", "missing is not", "missing", "no order", "or", "and", "not", "nin"],
)
def test_a_filter_says_what_metadata_must_be(wanted: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert matches({"a": 1, "c": "x"}, wanted) is expected


def test_filters_that_make_no_sense_are_refused() -> None:
    deep: dict[str, Any] = {"a": 1}
    for _ in range(20):
        deep = {"$not": deep}

    with pytest.raises(UsageError, match="no operator"):
        matches({"a": 1}, {"a": {"$regex": "x"}})
    with pytest.raises(UsageError, match="too deep"):
        matches({"a": 1}, deep)


def test_diverse_answers_leave_out_what_is_said_already(store: CommonspaceVectorStore) -> None:
    store.add_texts(["apple apple", "apple apple ", "zebra"], ids=["one", "again", "other"])

    near = [document.id for document in store.similarity_search("apple apple", k=2)]
    diverse = [document.id for document in store.max_marginal_relevance_search("apple apple", k=2, lambda_mult=0.3)]

    assert set(near) == {"one", "again"}
    assert "other" in diverse


def test_relevance_is_between_zero_and_one_and_vectors_can_be_asked_with(store: CommonspaceVectorStore) -> None:
    store.add_texts(["apple", "zebra"], ids=["a", "z"])
    vector = store.embeddings.embed_query("apple")

    scored = store.similarity_search_with_relevance_scores("apple", k=2)

    assert [document.id for document, _ in scored] == ["a", "z"]
    assert all(0.0 <= score <= 1.0 for _, score in scored)
    assert store.similarity_search_by_vector(vector, k=1)[0].id == "a"
    assert store.max_marginal_relevance_search_by_vector(vector, k=1)[0].id == "a"


def test_from_texts_opens_the_folder_again_only_with_the_same_encoder(tmp_path: Path) -> None:
    folder = tmp_path / "again.cs"
    encoder = DeterministicFakeEmbedding(size=6)
    CommonspaceVectorStore.from_texts(["one"], encoder, ids=["1"], store=folder).collection.close()

    again = CommonspaceVectorStore(folder, embedding=encoder)
    assert again.get_by_ids(["1"]) == [Document(id="1", page_content="one")]
    again.collection.close()
    with pytest.raises(SpaceMismatch):
        CommonspaceVectorStore(folder, embedding=DeterministicFakeEmbedding(size=7))


def test_what_makes_no_sense_is_refused(store: CommonspaceVectorStore) -> None:
    with pytest.raises(UsageError, match="No folder"):
        CommonspaceVectorStore.from_texts(["one"], DeterministicFakeEmbedding(size=6))
    with pytest.raises(UsageError, match="as many ids"):
        store.add_texts(["one", "two"], ids=["1"])
    with pytest.raises(UsageError, match="JSON"):
        store.add_texts(["one"], [{"when": object()}])
    with pytest.raises(UsageError, match="embeds for itself"):
        CommonspaceVectorStore(store.collection, embedding=DeterministicFakeEmbedding(size=6))


def test_the_retriever_cites_what_it_finds(store: CommonspaceVectorStore) -> None:
    store.add_texts(["apple"], [{"year": 2020}], ids=["a"])

    (document,) = CommonspaceRetriever(store=store, k=1).invoke("apple")

    assert (document.id, document.page_content, document.metadata["year"]) == ("a", "apple", 2020)
    assert document.metadata["uri"] == "upload:a"
    assert document.metadata["label"]


def test_every_id_is_kept_apart_however_odd(store: CommonspaceVectorStore) -> None:
    odd = ["a/b", "a%2Fb", "#", "é ", "a b", "../x"]

    assert store.add_texts([f"text {each}" for each in odd], ids=odd) == odd
    assert [document.id for document in store.get_by_ids(odd)] == odd
    assert store.delete(odd[:2])
    assert [document.id for document in store.get_by_ids(odd)] == odd[2:]
    assert store.delete()
    assert store.get_by_ids(odd) == []


def test_equal_texts_under_several_ids_are_all_found(store: CommonspaceVectorStore) -> None:
    store.add_texts(["same"] * 3 + ["other"], [{"year": year} for year in range(4)], ids=["a", "b", "c", "d"])

    assert {document.id for document in store.similarity_search("same", k=3)} == {"a", "b", "c"}
    assert [document.id for document in store.similarity_search("same", k=1, filter={"year": 2})] == ["c"]


NARROWED: list[dict[str, Any]] = [
    {"a": 1},
    {"a": [1, 2]},
    {"a": {"$gte": 1, "$lt": 3}},
    {"a": "x"},
    {"a": {"$gt": "w"}},
    {"b": {"$ne": 1}},
    {"$or": [{"a": 1}, {"b": "y"}]},
    {"$or": [{"a": 1}, {"b": {"$nin": ["y"]}}]},
    {"$and": [{"a": 2}, {"$not": {"b": "y"}}]},
    {"a": 0},
    {"a": {"$in": ["x", 2]}},
    {"name": "one"},
]


@pytest.mark.parametrize("wanted", NARROWED, ids=str)
def test_the_stores_own_filter_takes_nothing_off_that_a_filter_wants(
    store: CommonspaceVectorStore, wanted: dict[str, Any]
) -> None:
    told: list[dict[str, Any]] = [
        {"a": value, "b": other, "name": "one"}
        for value in (0, 1, 2, 2.5, True, False, "x", None, [1])
        for other in (1, "y")
    ]
    store.add_texts([f"text {place}" for place in range(len(told))], told, ids=[f"{p}" for p in range(len(told))])

    found = {document.id for document in store.similarity_search("text", k=50, filter=wanted)}

    assert found == {f"{place}" for place, metadata in enumerate(told) if matches(metadata, wanted)}


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"a": "x"}, 'metadata.a = "x"'),
        ({"a": {"$gt": "x"}, "b": ["y", "z"]}, 'metadata.a > "x" and (metadata.b = "y" or metadata.b = "z")'),
        ({"a": 7}, "metadata.a = 7 or metadata.a in (true, false)"),
        ({"$or": [{"a": "x"}, {"b": {"$ne": "y"}}]}, None),
        ({"$not": {"a": "x"}, "name": "file.txt"}, None),
        ({"a": {"$in": ["x", None]}}, None),
    ],
    ids=["text", "both", "number", "or anything", "not", "none"],
)
def test_a_filter_narrows_the_search_where_a_store_can_say_it(wanted: dict[str, Any], text: str | None) -> None:
    assert narrowed(wanted) == (None if text is None else filter_of(text))
