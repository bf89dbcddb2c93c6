"""A second opinion: who has one puts the first few in order, who has none leaves them, and a real model does so."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonspace.core.errors import ModelError, UsageError
from commonspace.core.modality import Modality
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id
from commonspace.index.store import Store
from commonspace.retrieve.asked import Asked
from commonspace.retrieve.candidates import Candidate
from commonspace.retrieve.cross_encoder import CrossEncoderReranker
from commonspace.retrieve.hit import Hit
from commonspace.retrieve.judge import Judging
from commonspace.retrieve.rerank import RERANKED, reordered
from tests.fakes import FAKE_SPACE
from tests.unit.retrieve.asking import found, part
from tests.unit.retrieve.test_search import segment

PASSAGES = ("a dog barks", "rain on a roof", "a heron stands", "the night train", "apple cake")


class Backwards:
    """The later, the better; it says nothing of pictures."""

    def scores(self, asked: Asked, hits: Sequence[Hit]) -> Sequence[float | None]:
        assert asked.wanted
        return [None if hit.modality is Modality.IMAGE else float(hit.rank) for hit in hits]


class Rude:
    """Answers with fewer scores than hits."""

    def scores(self, asked: Asked, hits: Sequence[Hit]) -> Sequence[float | None]:
        assert asked.wanted
        return [1.0 for _ in hits[:1]]


def made(name: str, place: int, text: str | None) -> Entry:
    uri = f"file:///media/{name}"
    modality = Modality.IMAGE if text is None else Modality.TEXT
    item = StoredItem(
        id=item_id(uri), uri=uri, name=name, modality=modality, media_type="x/y", content_hash=name, num_bytes=1
    )
    vector = np.zeros((1, FAKE_SPACE.dimension), np.float32)
    vector[0, 0], vector[0, 1] = 0.9 - place / 100, np.sqrt(1 - (0.9 - place / 100) ** 2)
    return Entry(item=item, segments=(StoredSegment(modality=modality, text=text),), vectors=vector)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store.create(tmp_path / "media.cs", FAKE_SPACE)
    texts = [None if place == 2 else PASSAGES[place % 5] for place in range(60)]
    opened.put([made(f"{place:02}", place, text) for place, text in enumerate(texts)])
    return opened


def query(words: str = "") -> Asked:
    return Asked(parts=(part(np.eye(1, FAKE_SPACE.dimension, dtype=np.float32)[0], words=words),))


@given(scores=st.lists(st.none() | st.floats(-5, 5), max_size=12))
def test_who_has_a_score_is_sorted_among_those_places_and_the_others_stay(scores: list[float | None]) -> None:
    before = [Candidate(found=segment(str(place), 0.5), worth=1.0) for place in range(len(scores))]

    after = reordered(before, scores)

    for place, score in enumerate(scores):
        assert score is not None or after[place] is before[place]
    given_scores = [one.reranked[1] for one in after if one.reranked is not None]
    assert given_scores == sorted((score for score in scores if score is not None), reverse=True)
    assert {one.item.id for one in after} == {one.item.id for one in before}


def test_the_first_few_come_in_the_rerankers_order_on_pages_of_any_size(store: Store) -> None:
    judging = Judging(reranker=Backwards())

    whole = [hit.name for hit in found(store, query(), judging, k=60)]

    texts = [f"{place:02}" for place in reversed(range(RERANKED)) if place != 2]
    assert [name for name in whole[:RERANKED] if name != "02"] == texts
    assert whole[2] == "02"
    assert whole[RERANKED:] == [f"{place}" for place in range(RERANKED, 60)]
    pages = [found(store, query(), judging, k=7, offset=at) for at in range(0, 60, 7)]
    assert [hit.name for page in pages for hit in page] == whole


def test_an_explanation_says_from_where_a_hit_was_moved(store: Store) -> None:
    hit = found(store, query(), Judging(reranker=Backwards()), k=1, explain=True)[0]

    assert hit.explanation is not None
    assert (hit.explanation.reranked_from, hit.explanation.reranker_score) == (RERANKED, float(RERANKED))
    assert "re-ranked from place 50" in hit.explanation.lines()[-1]


def test_a_reranker_that_does_not_answer_for_every_hit_is_told_so(store: Store) -> None:
    with pytest.raises(UsageError, match="1 scores for 50 hits"):
        found(store, query(), Judging(reranker=Rude()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of random weights with one output, saved as the library saves its own."""
    pytest.importorskip("sentence_transformers")
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    path = tmp_path_factory.mktemp("cross") / "tiny"
    words = sorted({word for passage in PASSAGES for word in passage.split()})
    vocabulary = {token: place for place, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=5 + len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        num_labels=1,
        initializer_range=0.2,
    )
    BertForSequenceClassification(config).save_pretrained(path, safe_serialization=True)
    BertTokenizerFast(vocab=vocabulary, model_max_length=64).save_pretrained(path)
    return path


def test_a_cross_encoder_from_a_folder_orders_passages_and_leaves_pictures(store: Store, folder: Path) -> None:
    from sentence_transformers import CrossEncoder

    hits = found(store, query("a dog in the rain"), Judging(reranker=CrossEncoderReranker(folder)), k=60, explain=True)

    direct = CrossEncoder(str(folder), device="cpu", local_files_only=True)
    expected = dict(zip(PASSAGES, direct.predict([("a dog in the rain", text) for text in PASSAGES]), strict=True))
    assert len({round(float(score), 5) for score in expected.values()}) == len(PASSAGES)
    moved = [hit for hit in hits[:RERANKED] if hit.segment is not None]
    said = [hit.explanation.reranker_score for hit in moved if hit.explanation is not None]
    assert said == sorted(said, key=lambda score: -(score or 0.0))
    for hit, score in zip(moved, said, strict=True):
        assert hit.segment is not None
        assert score == pytest.approx(float(expected[hit.segment.text or ""]), abs=1e-4)
    assert hits[2].name == "02"


def test_a_query_without_words_is_not_reranked_by_words(store: Store, folder: Path) -> None:
    hits = found(store, query(), Judging(reranker=CrossEncoderReranker(folder)), k=5)

    assert [hit.name for hit in hits] == ["00", "01", "02", "03", "04"]


def test_weights_that_may_run_code_are_refused(folder: Path, tmp_path: Path, store: Store) -> None:
    for source in folder.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")

    with pytest.raises(ModelError, match="may run code"):
        found(store, query("a dog"), Judging(reranker=CrossEncoderReranker(tmp_path)))


def test_a_folder_that_holds_no_model_is_told_so(tmp_path: Path, store: Store) -> None:
    with pytest.raises(ModelError, match="safetensors"):
        found(store, query("a dog"), Judging(reranker=CrossEncoderReranker(tmp_path / "nothing")))
