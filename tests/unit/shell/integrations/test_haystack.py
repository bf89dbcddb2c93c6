"""Haystack's own test mixins, over a store that embeds with the fake space; and its retriever in a pipeline."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from haystack import Document, Pipeline
from haystack.dataclasses import ByteStream
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.testing import document_store, document_store_async

from commonspace.shell import wire
from commonspace.shell.integrations.haystack import CommonspaceDocumentStore, CommonspaceRetriever
from tests.fakes import fake_embedder

SAMPLES = Path(__file__).parents[4] / "samples" / "media"


class InAnyOrder:
    """The store lists by uri, not in the order of writing: the suite's comparison may be replaced for such stores."""

    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        assert sorted(received, key=lambda each: each.id) == sorted(expected, key=lambda each: each.id)


class OverTheFakeSpace:
    @pytest.fixture
    def document_store(self, tmp_path: Path) -> Iterator[CommonspaceDocumentStore]:
        store = CommonspaceDocumentStore(wire.collection_over(fake_embedder(), tmp_path / "documents.cs"))
        yield store
        store.collection.close()


class TestTheStoreSuite(
    OverTheFakeSpace,
    InAnyOrder,
    document_store.DocumentStoreBaseExtendedTests,
    document_store.CountDocumentsByFilterTest,
):
    def test_write_documents(self, document_store: CommonspaceDocumentStore) -> None:
        """The suite leaves this one to the store: without a policy a known id fails."""
        document = Document(content="one")
        assert document_store.write_documents([document]) == 1
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents([document], policy=DuplicatePolicy.NONE)
        assert document_store.filter_documents() == [document]


class TestTheAsyncStoreSuite(
    OverTheFakeSpace,
    InAnyOrder,
    document_store_async.CountDocumentsAsyncTest,
    document_store_async.CountDocumentsByFilterAsyncTest,
    document_store_async.DeleteAllAsyncTest,
    document_store_async.DeleteByFilterAsyncTest,
    document_store_async.DeleteDocumentsAsyncTest,
    document_store_async.FilterDocumentsAsyncTest,
    document_store_async.UpdateByFilterAsyncTest,
    document_store_async.WriteDocumentsAsyncTest,
):
    @pytest.mark.asyncio
    async def test_write_documents_async(self, document_store: CommonspaceDocumentStore) -> None:
        """The suite leaves this one to the store: without a policy a known id fails."""
        document = Document(content="one")
        assert await document_store.write_documents_async([document]) == 1
        with pytest.raises(DuplicateDocumentError):
            await document_store.write_documents_async([document])
        assert await document_store.filter_documents_async() == [document]


class TestFilesBesideDocuments(OverTheFakeSpace):
    def test_a_picture_written_as_bytes_and_one_in_a_file_are_found_by_a_file(
        self, document_store: CommonspaceDocumentStore
    ) -> None:
        dog, cat = SAMPLES / "images" / "dog.jpg", SAMPLES / "images" / "cat.jpg"
        written = Document(id="dog", blob=ByteStream(data=dog.read_bytes(), mime_type="image/jpeg"))
        document_store.write_documents([written, Document(id="text", content="apple")])
        document_store.collection.index([cat])
        retriever = CommonspaceRetriever(document_store, top_k=1)

        (found,) = retriever.run(dog)["documents"]
        (file,) = retriever.run(cat)["documents"]

        assert (found.id, found.blob) == ("dog", written.blob)
        assert (file.content, file.meta["label"]) == ("cat.jpg (image)", "cat.jpg")
        assert document_store.count_documents() == 3

    def test_a_retriever_in_a_pipeline_keeps_to_its_filter(self, document_store: CommonspaceDocumentStore) -> None:
        document_store.write_documents(
            [Document(id=f"{year}", content=f"apple {year}", meta={"year": year}) for year in range(2000, 2100)]
        )
        pipeline = Pipeline()
        pipeline.add_component("retriever", CommonspaceRetriever(document_store))
        wanted = {"field": "meta.year", "operator": ">=", "value": 2098}

        answer = pipeline.run({"retriever": {"query": "apple", "filters": wanted, "top_k": 10}})

        assert {document.id for document in answer["retriever"]["documents"]} == {"2098", "2099"}
        assert all(document.score is not None for document in answer["retriever"]["documents"])

    def test_a_document_without_content_is_kept_and_never_found(self, document_store: CommonspaceDocumentStore) -> None:
        bare = Document(id="bare", meta={"year": 1})
        document_store.write_documents([bare, Document(id="text", content="apple")])

        assert bare in document_store.filter_documents()
        assert [each.id for each in document_store.retrieve("apple", None, 10)] == ["text"]

    def test_a_text_of_many_passages_comes_back_whole(self, document_store: CommonspaceDocumentStore) -> None:
        long = "\n\n".join(f"Paragraph {number}. " + "word " * 60 for number in range(20)) + "\n"
        document_store.write_documents([Document(id="long", content=long)])

        assert [each.content for each in document_store.filter_documents()] == [long]
        assert [each.content for each in document_store.retrieve("Paragraph 7", None, 10)] == [long]


def test_a_pipeline_is_written_to_disk_and_read_again(tmp_path: Path) -> None:
    store = CommonspaceDocumentStore(tmp_path / "documents.cs")
    pipeline = Pipeline()
    pipeline.add_component("retriever", CommonspaceRetriever(store, top_k=3))
    told = pipeline.dumps()
    store.collection.close()

    again = Pipeline.loads(told, allowed_modules=["commonspace.*"]).get_component("retriever")

    assert again.top_k == 3
    assert again.document_store.collection.info().path == tmp_path / "documents.cs"
    again.document_store.collection.close()
