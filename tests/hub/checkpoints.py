"""Small checkpoints of real architectures, made by the real libraries with random weights and saved as those save."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

__all__ = ["IMAGE_TEXT", "WORDS", "save_tokenizer"]

WORDS: Final = [
    "a dog",
    "rain",
    "the quick brown fox" + " jumps over" * 9,
    "x",
    "привет",
    "dog barking in rain",
    "a" + " a" * 399,
]
TEXT: Final = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
VISION: Final = {**TEXT, "image_size": 30, "patch_size": 6}
START, END, PAD = 0, 1, 2


def save_tokenizer(folder: Path, *, most: int) -> None:
    """A small byte-level BPE with start, end and padding, in the fast form that repositories carry."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(WORDS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", START), ("</s>", END)]
    )
    marks = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=most, **marks)
    fast.save_pretrained(folder)


def _clip(folder: Path) -> Any:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    marks = {"bos_token_id": START, "eos_token_id": END, "pad_token_id": PAD}
    text = {**TEXT, **marks, "vocab_size": 400, "max_position_embeddings": 77}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=16))
    CLIPImageProcessor(size={"shortest_edge": 30}, crop_size={"height": 30, "width": 30}).save_pretrained(folder)
    return model


def _siglip(folder: Path) -> Any:
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    text = {**TEXT, "vocab_size": 400, "max_position_embeddings": 64, "projection_size": 32}
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=VISION))
    SiglipImageProcessor(size={"height": 30, "width": 30}).save_pretrained(folder)
    return model


def _altclip(folder: Path) -> Any:
    from transformers import AltCLIPConfig, AltCLIPModel, CLIPImageProcessor

    text = {**TEXT, "vocab_size": 400, "max_position_embeddings": 90, "project_dim": 16, "pad_token_id": PAD}
    config = AltCLIPConfig(text_config=text, vision_config={**VISION, "projection_dim": 16}, projection_dim=16)
    CLIPImageProcessor(size={"shortest_edge": 30}, crop_size={"height": 30, "width": 30}).save_pretrained(folder)
    return AltCLIPModel(config)


def _chinese_clip(folder: Path) -> Any:
    from transformers import ChineseCLIPConfig, ChineseCLIPImageProcessor, ChineseCLIPModel

    text = {**TEXT, "vocab_size": 400, "max_position_embeddings": 77, "pad_token_id": PAD}
    config = ChineseCLIPConfig(text_config=text, vision_config=VISION, projection_dim=16)
    ChineseCLIPImageProcessor(size={"height": 30, "width": 30}, do_center_crop=False).save_pretrained(folder)
    return ChineseCLIPModel(config)


IMAGE_TEXT: Final[dict[str, Callable[[Path], Any]]] = {
    "clip": _clip,
    "siglip": _siglip,
    "altclip": _altclip,
    "chinese_clip": _chinese_clip,
}


def make(kind: str, folder: Path) -> Path:
    """Save a checkpoint of this kind, the same at every call."""
    torch.manual_seed(7)
    folder.mkdir(parents=True, exist_ok=True)
    model = IMAGE_TEXT[kind](folder).eval()
    for name, weights in model.named_parameters():
        if weights.ndim > 1 and "embedding" not in name:
            torch.nn.init.normal_(weights, std=0.3)
    model.save_pretrained(folder)
    save_tokenizer(folder, most=64 if kind == "siglip" else 77)
    return folder
