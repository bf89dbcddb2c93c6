"""Static embeddings give the vectors of the library that saved them: model2vec's rules, or sentence-transformers'."""

import pickle
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from commonspace.core.errors import ItemError, ModelError
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.hub.static_vectors import StaticText
from commonspace.ingest.plan import Plan
from tests.hub.parity import check

PIECES: Final = ["[UNK]", "a", "dog", "rain", "barking", "in", "the", "x", "over", "jumps"]
TEXTS: Final = ["a dog", "rain", "dog unheard barking in rain", "x", "jumps over the dog " * 20]
KINDS: Final = ["plain", "weighted", "int8"]


def tokenizer() -> Any:
    made = Tokenizer(models.WordLevel({piece: number for number, piece in enumerate(PIECES)}, unk_token=PIECES[0]))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model2vec = pytest.importorskip("model2vec")
    home: Path = tmp_path_factory.mktemp("static") / request.param
    random = np.random.default_rng(4)
    table = random.normal(size=(len(PIECES), 12)).astype(np.float32)
    more: dict[str, Any] = {}
    if request.param == "weighted":
        more = {
            "weights": random.uniform(0.1, 2, len(PIECES)).astype(np.float32),
            "token_mapping": random.integers(0, 6, len(PIECES)),
        }
        table = table[:6]
    if request.param == "int8":
        table = (table * 40).clip(-127, 127).astype(np.int8)
    config = {"model_type": "model2vec"} if request.param == "plain" else {}
    model = model2vec.StaticModel(table, tokenizer(), config=config, normalize=True, max_length=20, **more)
    model.save_pretrained(home)
    return home


def test_texts_have_model2vec_s_vectors_alone_and_in_any_batch(folder: Path) -> None:
    expected = pytest.importorskip("model2vec").StaticModel.from_pretrained(folder).encode(TEXTS)

    embedder = catalog.load(folder, Plan())

    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    wanted = expected.astype(np.float32)
    check(("model2vec", folder.name, "text"), wanted, alone, embedder.embed(TEXTS * 3))


def test_a_text_without_a_known_word_is_an_error_of_its_own(folder: Path) -> None:
    embedder = catalog.load(folder, Plan())

    first, second = embedder.try_embed(["unheard", "dog"])

    assert isinstance(first, ItemError)
    assert first.item_code == "nothing_to_embed"
    assert not isinstance(second, ItemError)


def test_sentence_transformers_keeps_what_model2vec_leaves_out(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    random = np.random.default_rng(4)
    table = random.normal(size=(len(PIECES), 12)).astype(np.float32)
    library = SentenceTransformer(modules=[StaticEmbedding(tokenizer(), table)], device="cpu")
    library.save_pretrained(str(tmp_path / "saved"))
    expected = library.encode(TEXTS, normalize_embeddings=True)

    embedder = catalog.load(tmp_path / "saved", Plan())

    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    check(("sentence-transformers", "StaticEmbedding", "text"), expected, alone, embedder.embed(TEXTS * 3))


def test_a_network_after_the_table_is_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(folder, tmp_path / "copy")
    modules = copy / "modules.json"
    (copy / "1_Dense").mkdir()
    dense = '{"idx": 1, "name": "1", "path": "1_Dense", "type": "sentence_transformers.models.Dense"}'
    modules.write_text(modules.read_text().rstrip()[:-1] + "," + dense + "]")

    with pytest.raises(ModelError, match="goes on with"):
        catalog.load(copy, Plan())


def test_its_preparation_travels_to_workers(folder: Path) -> None:
    embedder = catalog.load(folder, Plan())
    prepare = embedder.preparer.preparations[Modality.TEXT]
    prepare("a dog")

    copy = pickle.loads(pickle.dumps(prepare))  # noqa: S301 - its own

    assert isinstance(copy, StaticText)
    np.testing.assert_array_equal(copy("a dog"), [1, 2])


def test_there_is_nothing_to_export_of_a_table(folder: Path) -> None:
    from commonspace.encode.hub.families import read_checkpoint
    from commonspace.encode.hub.optimise import Recording

    recording = Recording(1)
    read_checkpoint(folder).tower(Modality.TEXT, recording.running())

    with pytest.raises(ModelError, match="no PyTorch network"):
        recording.model()
