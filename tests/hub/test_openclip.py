"""open_clip folders give that library's vectors, whether its own code runs or transformers' in its place."""

import gzip
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from commonspace.core.errors import ModelError
from commonspace.encode import catalog
from commonspace.encode.hub.openclip_inputs import OpenClipPicture
from commonspace.ingest.plan import Plan
from tests.hub.openclip_library import open_clip
from tests.hub.parity import check
from tests.hub.test_pairs import pictures

TEXTS: Final = ["a dog", "Rain &amp; WIND,  it's 10 o'clock", "x", "a_b! schÃ¶n", "привет", "one two " * 60]
VISION: Final = {"image_size": 32, "layers": 2, "width": 32, "head_width": 8, "patch_size": 8}
WORDS: Final = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2}
SHORT: Final = {**WORDS, "context_length": 24}
MODELS: Final[dict[str, dict[str, Any]]] = {
    "plain": {"embed_dim": 16, "quick_gelu": True, "vision_cfg": VISION, "text_cfg": WORDS},
    "resnet": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8},
        "text_cfg": SHORT,
    },
    "timm": {
        "embed_dim": 16,
        "custom_text": True,
        "init_logit_bias": -10,
        "vision_cfg": {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": "token", "timm_proj": "linear"},
        "text_cfg": {
            **SHORT,
            "no_causal_mask": True,
            "pool_type": "last",
            "proj_bias": True,
            "hf_tokenizer_name": "elsewhere",
            "tokenizer_kwargs": {"clean": "canonicalize"},
        },
    },
}
PIXELS: Final = {
    "plain": {},
    "resnet": {"interpolation": "bilinear", "resize_mode": "longest", "fill_color": 9, "std": [0.2, 0.3, 0.4]},
    "timm": {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"},
}


def save_clip_tokenizer(folder: Path) -> None:
    """The library's own word pieces in the fast form, as repositories carry them."""
    from transformers import CLIPTokenizer

    library = open_clip().tokenizer
    merges = gzip.decompress(Path(library.default_bpe()).read_bytes()).decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    vocabulary = {
        piece.replace("<start_of_text>", "<|startoftext|>").replace("<end_of_text>", "<|endoftext|>"): number
        for piece, number in library.SimpleTokenizer().encoder.items()
    }
    CLIPTokenizer(vocab=vocabulary, merges=[tuple(each.split()) for each in merges]).save_pretrained(folder)


@pytest.fixture(scope="module", params=sorted(MODELS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = open_clip()
    home: Path = tmp_path_factory.mktemp("openclip") / request.param
    home.mkdir()
    config = MODELS[request.param]
    torch.manual_seed(5)
    given = json.loads(json.dumps(config))
    kind = library.CustomTextCLIP if given.pop("custom_text", False) else library.CLIP
    model = kind(**given)
    for name, weights in model.named_parameters():
        if weights.ndim == 2 and "embedding" not in name:
            torch.nn.init.normal_(weights, std=0.3)
    save_file(
        {name: values.contiguous() for name, values in model.state_dict().items()}, home / "open_clip_model.safetensors"
    )
    document = {"model_cfg": config, "preprocess_cfg": PIXELS[request.param]}
    (home / "open_clip_config.json").write_text(json.dumps(document))
    save_clip_tokenizer(home)
    return home


@pytest.fixture(scope="module")
def library(folder: Path) -> tuple[Any, Any, Any]:
    model, pixels = open_clip().create_model_from_pretrained(f"local-dir:{folder}")
    return model.eval(), open_clip().get_tokenizer(f"local-dir:{folder}"), pixels


def test_texts_have_the_library_s_vectors_alone_and_in_any_batch(folder: Path, library: tuple[Any, Any, Any]) -> None:
    model, tokenizer, _ = library
    with torch.inference_mode():
        expected = model.encode_text(tokenizer(TEXTS), normalize=True).numpy()

    embedder = catalog.load(folder, Plan())

    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    check(("open_clip", folder.name, "text"), expected, alone, embedder.embed(TEXTS * 3))


def test_pictures_have_the_library_s_vectors_alone_and_in_any_batch(
    folder: Path, library: tuple[Any, Any, Any]
) -> None:
    model, _, pixels = library
    with torch.inference_mode():
        given = torch.stack([pixels(picture) for picture in pictures()])
        expected = model.encode_image(given, normalize=True).numpy()

    embedder = catalog.load(folder, Plan())

    alone = np.concatenate([embedder.embed([picture]) for picture in pictures()])
    check(("open_clip", folder.name, "image"), expected, alone, embedder.embed(pictures() * 3))


@pytest.mark.parametrize("way", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(32, 32), (24, 40)], ids=["square", "wide"])
def test_pictures_are_scaled_and_cut_as_the_library_does(way: str, size: tuple[int, int]) -> None:
    config = {"resize_mode": way, "fill_color": 7}
    library = open_clip().transform.image_transform(
        size, is_train=False, resize_mode=way, fill_color=7, mean=[0] * 3, std=[1] * 3
    )
    ours = OpenClipPicture.read({"vision_cfg": {"image_size": list(size)}}, config)
    random = np.random.default_rng(1)

    for height, width in ((64, 48), (31, 30), (17, 40), (90, 33), (8, 8)):
        pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        wanted = (library(Image.fromarray(pixels)).permute(1, 2, 0).numpy() * 255).round()
        np.testing.assert_array_equal(ours(pixels), wanted)


@pytest.mark.parametrize(
    ("half", "more", "cause"),
    [
        ("text_cfg", {"hf_model_name": "xlm-roberta-base"}, "lies elsewhere"),
        ("vision_cfg", {"timm_model_name": "hf-hub:some/model"}, "no name of a timm network"),
        ("text_cfg", {"tokenizer_kwargs": {"strip_sep_token": True}}, "strip_sep_token"),
    ],
    ids=["text-tower-elsewhere", "picture-tower-elsewhere", "tokens-struck-out"],
)
def test_what_lies_elsewhere_or_is_not_done_is_refused(
    tmp_path: Path, half: str, more: dict[str, Any], cause: str
) -> None:
    config: dict[str, Any] = json.loads(json.dumps(MODELS["plain"]))
    config[half].update(more)
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    (tmp_path / "tokenizer.json").write_text("{}")

    with pytest.raises(ModelError, match=cause):
        catalog.load(tmp_path, Plan())
