"""Folders with an ONNX text encoder, and encoders without ``modules.json``, give sentence-transformers' vectors."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from commonspace.core.errors import ModelError
from commonspace.encode import catalog
from commonspace.encode.hub.onnx_file import read_onnx
from commonspace.ingest.plan import Plan
from tests.hub.checkpoints import TEXT, WORDS, save_tokenizer
from tests.hub.parity import check


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder and its tokenizer, and nothing that says how it is pooled."""
    from transformers import BertConfig, BertModel

    home = tmp_path_factory.mktemp("bare") / "bert"
    torch.manual_seed(3)
    BertModel(BertConfig(**TEXT, vocab_size=400, max_position_embeddings=64)).save_pretrained(home)
    save_tokenizer(home, most=64)
    return home


@pytest.fixture(scope="module")
def exported(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("exported") / "model.onnx"
    export(bare, file)
    return file


@pytest.fixture(scope="module")
def folder(bare: Path, exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("onnx") / "mean"
    pooled(bare, exported, home)
    return home


def pooled(bare: Path, exported: Path, home: Path) -> Any:
    """Make a folder with the graph in ``onnx/`` and the library's modules, pooled as it is called; the library."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    library = SentenceTransformer(modules=[Transformer(str(bare)), Pooling(32, home.name)], device="cpu")
    library.save_pretrained(str(home))
    (home / "model.safetensors").unlink()
    (home / "onnx").mkdir()
    shutil.copy(exported, home / "onnx")
    return library


def export(folder: Path, path: Path) -> None:
    """The encoder as one ONNX file: two inputs of any length, one row a token."""
    from transformers import BertModel

    model = BertModel.from_pretrained(folder, attn_implementation="eager").eval()

    class Tokens(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            away = (1.0 - attention_mask[:, None, None, :].float()) * -1e9
            rows = self.model.embeddings(input_ids=input_ids)
            for layer in self.model.encoder.layer:
                answer = layer(rows, away)
                rows = answer if torch.is_tensor(answer) else answer[0]
            return rows

    given = torch.ones(2, 9, dtype=torch.long)
    free = {0: "texts", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            Tokens().eval(),
            (given, given),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["last_hidden_state"],
            dynamic_axes={"input_ids": free, "attention_mask": free, "last_hidden_state": free},
            dynamo=False,
        )


def test_an_encoder_without_modules_is_pooled_by_the_mean(bare: Path) -> None:
    from sentence_transformers import SentenceTransformer

    library = SentenceTransformer(str(bare), device="cpu", local_files_only=True)
    expected = library.encode(WORDS, normalize_embeddings=True)

    embedder = catalog.load(bare, Plan())

    alone = np.concatenate([embedder.embed([word]) for word in WORDS])
    check(("transformers", "bert", "text"), expected, alone, embedder.embed(WORDS * 3))


@pytest.mark.parametrize("pooling", ["mean", "cls", "lasttoken", "max"])
def test_a_graph_has_the_library_s_vectors_alone_and_in_any_batch(
    bare: Path, exported: Path, tmp_path: Path, pooling: str
) -> None:
    folder = tmp_path / pooling
    library = pooled(bare, exported, folder)
    expected = library.encode(WORDS, normalize_embeddings=True)

    embedder = catalog.load(folder, Plan())

    alone = np.concatenate([embedder.embed([word]) for word in WORDS])
    check(("ONNX", f"bert, {folder.name}", "text"), expected, alone, embedder.embed(WORDS * 3))


@pytest.mark.parametrize("place", ["../secret.bin", "/etc/hostname", "", "onnx/data.bin"])
def test_tensors_from_elsewhere_are_refused(folder: Path, tmp_path: Path, place: str) -> None:
    import onnx

    copy = shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "secret.bin").write_bytes(b"x" * 1_000_000)
    file = copy / "onnx" / "model.onnx"
    model = onnx.load(file)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    file.write_bytes(model.SerializeToString())

    with pytest.raises(ModelError, match="no file beside it"):
        catalog.load(copy, Plan())


def test_tensors_beside_the_graph_are_read_and_count(folder: Path, tmp_path: Path) -> None:
    import onnx

    copy = shutil.copytree(folder, tmp_path / "copy")
    file = copy / "onnx" / "model.onnx"
    model = onnx.load(file)
    file.unlink()
    onnx.save_model(model, str(file), save_as_external_data=True, location="data.bin", size_threshold=0)
    assert read_onnx(file).external == ("data.bin",)
    before = catalog.card_of(copy).space.fingerprint

    np.testing.assert_allclose(
        catalog.load(copy, Plan()).embed(WORDS), catalog.load(folder, Plan()).embed(WORDS), atol=1e-6
    )
    data = bytearray((copy / "onnx" / "data.bin").read_bytes())
    data[0] ^= 1
    (copy / "onnx" / "data.bin").write_bytes(data)
    assert catalog.card_of(copy).space.fingerprint != before


@pytest.mark.parametrize("damage", ["cut", "noise", "empty"])
def test_a_damaged_graph_is_refused(folder: Path, tmp_path: Path, damage: str) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    file = copy / "onnx" / "model.onnx"
    data = file.read_bytes()
    file.write_bytes({"cut": data[: len(data) // 2], "noise": bytes([7]) * 4_000, "empty": b""}[damage])

    with pytest.raises(ModelError, match="no readable ONNX file"):
        catalog.load(copy, Plan())


def test_a_module_after_the_graph_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    modules = json.loads((copy / "modules.json").read_text())
    dense = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    (copy / "2_Dense").mkdir()
    (copy / "modules.json").write_text(json.dumps([*modules, dense]))

    with pytest.raises(ModelError, match="goes on with Dense"):
        catalog.load(copy, Plan())
