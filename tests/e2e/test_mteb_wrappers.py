"""mteb evaluates a space by its encoder protocol, and the product by its search protocol, on tasks made here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import mteb
import numpy as np
import pytest
from datasets import Dataset
from mteb.abstasks import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models import EncoderProtocol, SearchProtocol
from PIL import Image

import commonspace
from commonspace.core.errors import UsageError
from commonspace.shell.integrations.mteb import CommonspaceEncoder, CommonspaceSearch

pytestmark = pytest.mark.filterwarnings("default")  # mteb's and its libraries' own

LABELLED: Final = Path(__file__).parents[1] / "data" / "labelled"
WORDS: Final = {
    "aeroplane": "It takes off from the runway and climbs above the clouds.",
    "bell": "It rings from the church tower every Sunday morning.",
    "bird": "It sits on a branch, sings at dawn and flies off.",
    "camera": "It takes photographs through a lens; mind the shutter.",
    "car": "It has four wheels and an engine and drives on the road.",
}


@pytest.fixture(scope="module")
def encoder() -> CommonspaceEncoder:
    return CommonspaceEncoder("nano")


@pytest.fixture(scope="module")
def search() -> Iterator[CommonspaceSearch]:
    made = CommonspaceSearch("nano")
    yield made
    made.close()


def pictures() -> dict[str, Any]:
    return {name: Image.open(LABELLED / "images" / f"{name}_1.jpg").convert("RGB") for name in WORDS}


def scored(model: Any, modality: str, corpus: Mapping[str, Any]) -> float:
    """nDCG@10 of finding the one thing that a name is about."""

    class Finding(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name=f"Wrapped{modality.title()}",
            description="Words find what they name.",
            dataset={"path": "made-here/finding", "revision": "1"},
            type="Retrieval" if modality == "text" else "Any2AnyRetrieval",
            category="t2t" if modality == "text" else "t2i",
            modalities=sorted({"text", modality}),
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
        )

        def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
            del num_proc, kwargs
            queries = {"id": [f"q-{name}" for name in corpus], "text": [f"a {name}" for name in corpus]}
            self.dataset = {
                "default": {
                    "test": {
                        "corpus": Dataset.from_dict({"id": list(corpus), modality: list(corpus.values())}),
                        "queries": Dataset.from_dict(queries),
                        "relevant_docs": {f"q-{name}": {name: 1} for name in corpus},
                        "top_ranked": None,
                    }
                }
            }
            self.data_loaded = True

    options = {"batch_size": 4, "show_progress_bar": False}
    result = mteb.evaluate(model, Finding(), cache=None, encode_kwargs=options, show_progress_bar=False)
    return float(result.task_results[0].get_score())


def test_the_wrappers_are_what_mteb_asks_for(encoder: CommonspaceEncoder, search: CommonspaceSearch) -> None:
    assert isinstance(encoder, EncoderProtocol)
    assert isinstance(search, SearchProtocol)
    assert encoder.mteb_model_meta.name == "commonspace/nano"
    assert encoder.mteb_model_meta.embed_dim == 384
    assert set(search.mteb_model_meta.modalities) == {"text", "image", "audio"}


@pytest.mark.parametrize("which", ["encoder", "search"])
def test_words_find_texts_and_pictures(which: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(which)

    assert scored(model, "text", WORDS) > 0.9
    assert scored(model, "image", pictures()) > 0.6


def test_the_encoder_gives_the_space_s_vectors_for_each_kind_of_input(encoder: CommonspaceEncoder) -> None:
    space = commonspace.load("nano")
    sound = np.sin(np.arange(16_000) / 9).astype(np.float32)
    seen = list(pictures().values())[:2]

    both = encoder.encode([{"text": ["a bell", "a bird"], "image": seen}])
    heard = encoder.encode([{"audio": [{"array": sound, "sampling_rate": 16_000}]}])

    mean = space.embed(["a bell", "a bird"]) + space.embed(seen)
    np.testing.assert_allclose(both, mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(heard, space.embed([commonspace.Audio(sound, 16_000)]), atol=1e-5)
    likeness = encoder.similarity(both, heard)
    assert tuple(likeness.shape) == (2, 1)
    np.testing.assert_allclose(encoder.similarity_pairwise(both, both).numpy(), 1.0, atol=1e-5)


def test_a_search_ranks_all_that_was_asked_for_and_only_what_may_be_ranked(search: CommonspaceSearch) -> None:
    corpus = Dataset.from_dict({"id": [*WORDS, "twin"], "text": [*WORDS.values(), WORDS["bell"]]})
    queries = Dataset.from_dict({"id": ["q"], "text": ["church bells"]})
    search.index(corpus, task_metadata=None)

    found = search.search(queries, top_k=10)["q"]
    few = search.search(queries, top_k=2, top_ranked={"q": ["car", "bird"]})["q"]

    assert set(list(found)[:2]) == {"bell", "twin"}
    assert len(found) == 6
    assert sorted(found.values(), reverse=True) == list(found.values())
    assert set(few) == {"car", "bird"}
    with pytest.raises(UsageError, match="Nothing was indexed"):
        CommonspaceSearch("nano").search(queries, top_k=1)
