"""A sentence-transformers model of texts and pictures gives what that library's own encode gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.ingest.plan import Plan
from tests.hub.checkpoints import WORDS, make
from tests.hub.parity import check
from tests.hub.test_pairs import pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer

    home = tmp_path_factory.mktemp("native")
    base = make("clip", home / "base")
    model = SentenceTransformer(modules=[Transformer(str(base))], prompts={"query": "find: "}, device="cpu")
    model.save_pretrained(str(home / "clip"))
    return home / "clip"


@pytest.fixture(scope="module")
def library(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def test_it_has_a_tower_for_texts_and_one_for_pictures(folder: Path) -> None:
    space = catalog.card_of(folder).space

    assert space.towers == (Modality.TEXT, Modality.IMAGE)
    assert space.dimension == 16


def test_texts_have_the_library_s_vectors_and_queries_their_prompt(folder: Path, library: Any) -> None:
    expected = np.stack([library.encode_document(word, normalize_embeddings=True) for word in WORDS])
    asked = library.encode_query("a dog", normalize_embeddings=True)

    embedder = catalog.load(folder, Plan())

    alone = np.concatenate([embedder.embed([word]) for word in WORDS])
    check(("sentence-transformers", "clip", "text"), expected, alone, embedder.embed(WORDS * 2))
    np.testing.assert_allclose(embedder.query("a dog").vector, asked, atol=1e-5)
    assert abs(asked @ expected[0]) < 0.999


def test_pictures_have_the_library_s_vectors(folder: Path, library: Any) -> None:
    expected = np.stack([library.encode([each], normalize_embeddings=True)[0] for each in pictures()])

    embedder = catalog.load(folder, Plan())

    alone = np.concatenate([embedder.embed([picture]) for picture in pictures()])
    check(("sentence-transformers", "clip", "image"), expected, alone, embedder.embed(pictures() * 2))


def test_a_text_that_names_a_picture_stays_a_text_and_opens_nothing(folder: Path, library: Any, tmp_path: Path) -> None:
    path = tmp_path / "a dog.png"
    pictures()[0].save(path)

    (row,) = catalog.load(folder, Plan()).embed([str(path)])

    np.testing.assert_allclose(row, library.encode([{"text": str(path)}], normalize_embeddings=True)[0], atol=1e-5)
    seen = library.encode([pictures()[0]], normalize_embeddings=True)[0]
    assert abs(row @ seen) < 0.999
