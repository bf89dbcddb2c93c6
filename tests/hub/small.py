"""Checkpoints without a library: what an adapter reads before a network is loaded; no weight means anything."""

import json
import struct
from pathlib import Path
from typing import Any, Final

__all__ = ["safetensors", "small_clip", "small_sentences"]

PROCESSOR: Final = {"size": {"shortest_edge": 30}, "crop_size": {"height": 30, "width": 30}, "resample": 3}
FLAGS: Final = ("single_word", "lstrip", "rstrip", "normalized")
TOKENIZER: Final = {
    "version": "1.0",
    "added_tokens": [{"id": 0, "content": "<pad>", "special": True, **dict.fromkeys(FLAGS, False)}],
    "model": {"type": "WordLevel", "vocab": {"<pad>": 0, "a": 1, "dog": 2}, "unk_token": "<pad>"},
}


def safetensors(tensors: dict[str, tuple[str, list[int], bytes]]) -> bytes:
    """A safetensors file of named tensors: type, shape, bytes."""
    header: dict[str, Any] = {}
    at = 0
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + b"".join(data for *_, data in tensors.values())


def weights() -> bytes:
    """Some tensors."""
    return safetensors({"logit_scale": ("F32", [], bytes(4)), "text.weight": ("F32", [4, 4], bytes(64))})


def small_clip(folder: Path) -> Path:
    """What the image-text adapter takes for a CLIP."""
    text = {"max_position_embeddings": 77, "hidden_size": 8}
    _write(folder, "config.json", {"model_type": "clip", "projection_dim": 8, "text_config": text})
    _write(folder, "preprocessor_config.json", PROCESSOR)
    _write(folder, "tokenizer.json", TOKENIZER)
    _write(folder, "tokenizer_config.json", {"model_max_length": 77, "pad_token": "<pad>"})
    (folder / "model.safetensors").write_bytes(weights())
    return folder


def small_sentences(folder: Path) -> Path:
    """What the sentence adapter takes for a model of three modules."""
    library = "sentence_transformers.models"
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense")]
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"{library}.{kind}"} for at, (path, kind) in enumerate(kinds)
    ]
    _write(folder, "config.json", {"model_type": "bert", "hidden_size": 8, "max_position_embeddings": 64})
    _write(folder, "modules.json", modules)
    _write(folder, "sentence_bert_config.json", {"max_seq_length": 32})
    _write(folder, "tokenizer.json", TOKENIZER)
    _write(folder, "1_Pooling/config.json", {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True})
    _write(folder, "2_Dense/config.json", {"in_features": 8, "out_features": 4, "bias": True})
    dense = {"linear.weight": ("F32", [4, 8], bytes(128)), "linear.bias": ("F32", [4], bytes(16))}
    (folder / "2_Dense/model.safetensors").write_bytes(safetensors(dense))
    (folder / "model.safetensors").write_bytes(weights())
    return folder


def _write(folder: Path, name: str, document: object) -> None:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(document), "utf-8")
