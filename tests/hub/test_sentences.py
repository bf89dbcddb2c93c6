"""sentence-transformers folders give that library's vectors: pooling, dense layers, prompts and limits included."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from commonspace.core.errors import ModelError
from commonspace.encode import catalog
from commonspace.ingest.plan import Plan
from tests.hub.checkpoints import TEXT, WORDS, save_tokenizer

POOLINGS = ["mean", "cls", "max"]


@pytest.fixture(scope="module", params=POOLINGS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import BertConfig, BertModel

    home = tmp_path_factory.mktemp("sentences")
    torch.manual_seed(3)
    BertModel(BertConfig(**TEXT, vocab_size=400, max_position_embeddings=64)).save_pretrained(home / "base")
    save_tokenizer(home / "base", most=64)
    modules: list[Any] = [Transformer(str(home / "base"), max_seq_length=32), Pooling(32, request.param)]
    if request.param == "mean":
        modules += [Dense(32, 24), Normalize()]
    model = SentenceTransformer(modules=modules, prompts={"query": "query: ", "document": "passage: "}, device="cpu")
    model.save_pretrained(str(home / "model"))
    return home / "model"


@pytest.fixture(scope="module")
def library(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def test_passages_and_queries_have_the_library_s_vectors(folder: Path, library: Any) -> None:
    embedder = catalog.load(folder, Plan())
    passages = library.encode(WORDS, prompt_name="document", normalize_embeddings=True)
    queries = library.encode(WORDS, prompt_name="query", normalize_embeddings=True)

    np.testing.assert_allclose(embedder.embed(WORDS), passages, atol=1e-4)
    np.testing.assert_allclose(np.stack([embedder.query(word).vector for word in WORDS]), queries, atol=1e-4)
    assert embedder.space.dimension == passages.shape[1]


def test_a_vector_does_not_depend_on_its_batch(folder: Path) -> None:
    embedder = catalog.load(folder, Plan())
    alone = np.concatenate([embedder.embed([word]) for word in WORDS])

    together = embedder.embed(WORDS * 9)

    assert (np.tile(alone, (9, 1)).astype(np.float64) * together).sum(axis=1).min() > 1 - 1e-6


def test_a_module_of_its_own_code_is_refused_and_not_imported(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(folder, tmp_path / "copy")
    marker = tmp_path / "ran"
    (copy / "own.py").write_text(f"open({str(marker)!r}, 'w')\nclass Own: ...\n")
    text = (
        (copy / "modules.json")
        .read_text()
        .replace("sentence_transformers.sentence_transformer.modules.pooling.Pooling", "own.Own")
    )
    (copy / "modules.json").write_text(text)

    with pytest.raises(ModelError, match="code that the model brings itself"):
        catalog.load(copy, Plan())
    assert not marker.exists()
