"""Where a space takes queries in another way than what is found, each goes its own way."""

from dataclasses import replace

import numpy as np

from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.encode.embedder import Embedder
from commonspace.encode.tower import Features
from commonspace.ingest.source import source_of
from tests.fakes import FakePreparation, fake_embedder, fake_towers


class Prompted:
    """Puts words before a text, as models that were trained with prompts want it."""

    def __call__(self, content: Content) -> Features:
        assert isinstance(content, str)
        return FakePreparation()(f"query: {content}")


def asking_embedder() -> Embedder:
    preparer = replace(fake_embedder().preparer, asking={Modality.TEXT: Prompted()})
    return Embedder(preparer, lambda modality: fake_towers()[modality])


def test_a_query_gets_the_query_s_prompt_and_a_passage_does_not() -> None:
    embedder, plain = asking_embedder(), fake_embedder()

    np.testing.assert_array_equal(embedder.query("heron").vector, plain.embed(["query: heron"])[0])
    np.testing.assert_array_equal(embedder.embed(["heron"]), plain.embed(["heron"]))


def test_a_source_that_is_asked_is_prepared_as_a_query_and_keeps_its_name() -> None:
    preparer = asking_embedder().preparer
    source = source_of("heron")

    asked, found = preparer(replace(source, asked=True)), preparer(source)

    assert asked.uri == found.uri
    np.testing.assert_array_equal(asked.pieces[0].features, Prompted()("heron"))
    np.testing.assert_array_equal(found.pieces[0].features, FakePreparation()("heron"))
