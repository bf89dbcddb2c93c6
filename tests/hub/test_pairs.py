"""Image-text checkpoints give the vectors that the library they come from gives, alone and in any batch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from commonspace.encode import catalog
from commonspace.ingest.plan import Plan
from tests.hub.checkpoints import IMAGE_TEXT, WORDS, make
from tests.hub.parity import check

SIZES = [(64, 48), (30, 30), (17, 40), (31, 30), (90, 33), (8, 8)]


@pytest.fixture(scope="module", params=sorted(IMAGE_TEXT))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(request.param, tmp_path_factory.mktemp("hub") / request.param)


@pytest.fixture(scope="module")
def library(folder: Path) -> tuple[Any, Any, Any]:
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    return model, AutoTokenizer.from_pretrained(folder), AutoImageProcessor.from_pretrained(folder)


def pictures() -> list[Image.Image]:
    random = np.random.default_rng(3)
    return [Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in SIZES]


def rows(answer: Any) -> NDArray[np.float32]:
    found = answer if torch.is_tensor(answer) else answer.pooler_output
    return torch.nn.functional.normalize(found, dim=-1).numpy()


def test_texts_have_the_library_s_vectors_alone_and_in_any_batch(folder: Path, library: tuple[Any, Any, Any]) -> None:
    model, tokenizer, _ = library
    fixed = model.config.model_type == "siglip"
    most = tokenizer.model_max_length
    expected = []
    for text in WORDS:
        given = tokenizer(text, truncation=True, max_length=most, padding="max_length" if fixed else False)
        wanted = ("input_ids",) if fixed else ("input_ids", "attention_mask")
        with torch.inference_mode():
            answer = model.get_text_features(**{name: torch.tensor([given[name]]) for name in wanted})
        expected.append(rows(answer)[0])

    embedder = catalog.load(folder, Plan())

    alone = np.concatenate([embedder.embed([word]) for word in WORDS])
    check(("transformers", folder.name, "text"), np.stack(expected), alone, embedder.embed(WORDS * 5))


def test_pictures_have_the_library_s_vectors_alone_and_in_any_batch(
    folder: Path, library: tuple[Any, Any, Any]
) -> None:
    model, _, processor = library
    expected = []
    for picture in pictures():
        with torch.inference_mode():
            answer = model.get_image_features(**processor(images=picture, return_tensors="pt"))
        expected.append(rows(answer)[0])

    embedder = catalog.load(folder, Plan())

    alone = np.concatenate([embedder.embed([picture]) for picture in pictures()])
    check(("transformers", folder.name, "image"), np.stack(expected), alone, embedder.embed(pictures() * 5))


def test_the_fingerprint_follows_the_weights_and_not_the_place(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(folder, tmp_path / "copy")
    assert catalog.card_of(copy).space.fingerprint == catalog.card_of(folder).space.fingerprint
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert catalog.card_of(copy).space.fingerprint != catalog.card_of(folder).space.fingerprint
