"""What the product writes for sentence-transformers is loaded by that library alone, and gives the same vectors."""

from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import ModelError, UsageError
from commonspace.encode import catalog
from commonspace.encode.runtime import Precision
from commonspace.ingest.plan import Plan
from commonspace.shell.integrations.sentence_transformers import save_sentence_transformer
from tests.fakes import fake_embedder
from tests.hub import parity
from tests.hub.checkpoints import WORDS


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    embedder = catalog.load(catalog.folder_of("nano"), Plan())
    return save_sentence_transformer(embedder, tmp_path_factory.mktemp("exported") / "nano-text")


def test_sentence_transformers_loads_the_folder_and_gives_the_space_s_vectors(exported: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(exported), device="cpu", local_files_only=True)
    ours = catalog.load(catalog.folder_of("nano"), Plan(), precision=Precision.F32)

    theirs = model.encode(WORDS)

    assert model.max_seq_length == 256
    alone = np.concatenate([ours.embed([word]) for word in WORDS])
    parity.check(("export", "nano as sentence-transformers", "text"), theirs, alone, ours.embed(WORDS))


def test_the_folder_comes_back_as_a_space_of_its_own(exported: Path, tmp_path: Path) -> None:
    again = catalog.load(exported, Plan())
    nano = catalog.load(catalog.folder_of("nano"), Plan(), precision=Precision.F32)

    np.testing.assert_allclose(again.embed(WORDS[:3]), nano.embed(WORDS[:3]), atol=1e-4)
    copy = save_sentence_transformer(again, tmp_path / "copy")
    assert catalog.card_of(copy).space.fingerprint == again.space.fingerprint


def test_what_cannot_be_given_is_refused(exported: Path) -> None:
    with pytest.raises(UsageError, match="none that sentence-transformers"):
        save_sentence_transformer(fake_embedder(), exported / "new")
    with pytest.raises(UsageError, match="there already"):
        save_sentence_transformer(catalog.load(catalog.folder_of("nano"), Plan()), exported)
    with pytest.raises(ModelError):
        catalog.card_of(exported / "new")
