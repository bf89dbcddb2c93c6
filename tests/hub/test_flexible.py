"""SigLIP 2 that keeps a picture's shape, and BLIP-2's contrastive half, give the library's vectors."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch

from commonspace.encode import catalog
from commonspace.ingest.plan import Plan
from tests.hub.checkpoints import TEXT, VISION, WORDS, save_tokenizer
from tests.hub.parity import check
from tests.hub.test_pairs import pictures, rows

LENGTH: Final = 24


def save_gemma_tokenizer(folder: Path) -> None:
    """SigLIP 2's tokenizer class over bytes: small letters, padding where the class puts it."""
    from transformers import Siglip2Tokenizer

    marks = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "<mask>": 4}
    letters = {letter: 5 + number for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz▁")}
    wide = {f"<0x{byte:02X}>": 40 + byte for byte in range(256)}
    tokenizer = Siglip2Tokenizer(vocab=marks | letters | wide, merges=[], model_max_length=LENGTH)
    tokenizer.save_pretrained(folder)


def steepened(model: Any) -> Any:
    """Random weights large enough that inputs tell vectors apart."""
    for name, weights in model.named_parameters():
        if weights.ndim > 1 and "embedding" not in name:
            torch.nn.init.normal_(weights, std=0.3)
    return model.eval()


@pytest.fixture(scope="module")
def flexible(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import Siglip2Config, Siglip2ImageProcessor, Siglip2Model

    folder = tmp_path_factory.mktemp("hub") / "siglip2"
    torch.manual_seed(7)
    text = {**TEXT, "vocab_size": 300, "max_position_embeddings": LENGTH, "projection_size": 32}
    vision = {**TEXT, "patch_size": 6, "num_patches": 16}
    steepened(Siglip2Model(Siglip2Config(text_config=text, vision_config=vision))).save_pretrained(folder)
    Siglip2ImageProcessor(patch_size=6, max_num_patches=20).save_pretrained(folder)
    save_gemma_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def querying(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import Blip2Config, Blip2ForImageTextRetrieval, BlipImageProcessor

    folder = tmp_path_factory.mktemp("hub") / "blip2"
    torch.manual_seed(7)
    small = {
        **TEXT,
        "vocab_size": 400,
        "max_position_embeddings": 64,
        "encoder_hidden_size": 32,
        "use_qformer_text_input": True,
    }
    unused = {"model_type": "opt", "vocab_size": 400, "hidden_size": 32, "ffn_dim": 37, "num_hidden_layers": 2}
    config = Blip2Config(
        text_config=unused, vision_config=VISION, qformer_config=small, num_query_tokens=5, image_text_hidden_size=16
    )
    model = steepened(Blip2ForImageTextRetrieval(config))
    torch.nn.init.normal_(model.query_tokens)
    model.save_pretrained(folder)
    BlipImageProcessor(size={"height": 30, "width": 30}).save_pretrained(folder)
    save_tokenizer(folder, most=64)
    return folder


def test_pictures_of_any_shape_share_a_batch_and_keep_the_library_s_vectors(flexible: Path) -> None:
    from transformers import AutoImageProcessor, AutoModel

    model, processor = AutoModel.from_pretrained(flexible).eval(), AutoImageProcessor.from_pretrained(flexible)
    with torch.inference_mode():
        given = [processor(images=picture, return_tensors="pt") for picture in pictures()]
        expected = np.concatenate([rows(model.get_image_features(**each)) for each in given])

    embedder = catalog.load(flexible, Plan())

    alone = np.concatenate([embedder.embed([picture]) for picture in pictures()])
    check(("transformers", "siglip2 (NaFlex)", "image"), expected, alone, embedder.embed(pictures() * 3))


def test_texts_are_made_small_and_padded_as_the_library_pads(flexible: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    texts = ["A Dog", *WORDS]
    model, tokenizer = AutoModel.from_pretrained(flexible).eval(), AutoTokenizer.from_pretrained(flexible)
    given = tokenizer(texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        expected = rows(model.get_text_features(input_ids=given["input_ids"]))

    embedder = catalog.load(flexible, Plan())

    alone = np.concatenate([embedder.embed([text]) for text in texts])
    check(("transformers", "siglip2 (NaFlex)", "text"), expected, alone, embedder.embed(texts * 3))
    np.testing.assert_allclose(alone[0], alone[1], atol=1e-6)


def test_blip2_texts_and_pictures_have_the_library_s_vectors(querying: Path) -> None:
    from transformers import AutoImageProcessor, AutoTokenizer, Blip2TextModelWithProjection
    from transformers import Blip2VisionModelWithProjection as Vision

    tokenizer, processor = AutoTokenizer.from_pretrained(querying), AutoImageProcessor.from_pretrained(querying)
    words, eyes = Blip2TextModelWithProjection.from_pretrained(querying).eval(), Vision.from_pretrained(querying).eval()
    with torch.inference_mode():
        tokens = [tokenizer(text, truncation=True, return_tensors="pt") for text in WORDS]
        texts = [
            words(input_ids=each["input_ids"], attention_mask=each["attention_mask"]).text_embeds[:, 0]
            for each in tokens
        ]
        seen = [eyes(processor(images=each, return_tensors="pt")["pixel_values"]).image_embeds for each in pictures()]
        means = [torch.nn.functional.normalize(each.mean(dim=1), dim=-1) for each in seen]

    embedder = catalog.load(querying, Plan())

    for modality, items, expected in (("text", WORDS, texts), ("image", pictures(), means)):
        alone = np.concatenate([embedder.embed([item]) for item in items])
        wanted = torch.cat(expected).numpy()
        check(("transformers", "blip-2", modality), wanted, alone, embedder.embed([*items, *items, *items]))
