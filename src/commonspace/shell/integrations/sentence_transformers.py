"""A space's text tower as a folder that sentence-transformers loads by its own API, with none of our code.

Two kinds can be given like this: a checkpoint that is in that library's layout already, and the embedded space's text
tower, which is a BERT whose weights stand in its graph. Other text towers (CLIP's, CLAP's, composites) cannot.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from commonspace.core.errors import MissingExtra, ModelError, UsageError
from commonspace.core.modality import Modality
from commonspace.encode.manifest import Manifest
from commonspace.encode.saving import save_space

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from commonspace.encode.embedder import Embedder

__all__ = ["save_sentence_transformer"]

LAYER: Final = re.compile(r"encoder\.layer\.(\d+)\.")
HEAD_SIZE: Final = 32
"""Of MiniLM's attention; the graph does not name it."""


def save_sentence_transformer(embedder: Embedder, out: str | Path) -> Path:
    """Write the folder; ``SentenceTransformer(str(out)).encode(texts)`` then gives the space's text vectors.

    The weights are written in float32: vectors are those of the space at ``precision = "f32"``.

    Raises:
        UsageError: the folder exists and is not empty, or the space's text tower is not one that can be given.
        MissingExtra: onnx is not installed; the embedded space needs it.
    """
    folder, target = embedder.folder, Path(out)
    if folder is not None and (folder / "modules.json").is_file():
        return save_space(folder, target)
    if folder is None or not (folder / "manifest.json").is_file():
        raise UsageError(
            f"The text tower of '{embedder.space.name}' is none that sentence-transformers can be given.",
            fix="Export the embedded space or a sentence-transformers checkpoint; serve others over HTTP.",
        )
    if target.exists() and any(target.iterdir()):
        raise UsageError(f"{target} is there already.", fix="Name a new folder, or remove it first.")
    manifest = Manifest.read(folder)
    manifest.verify(Modality.TEXT)
    part = manifest.parts[Modality.TEXT]
    try:
        weights = _weights(_initializers(part.file))
    except (KeyError, ValueError) as error:
        raise ModelError(f"{part.file} is no BERT as it is known here: {error}.", fix="Use nano.") from error
    _write(target, weights, part.preprocessing, (folder / part.preprocessing["tokenizer"]).read_bytes())
    return target


def _initializers(file: Path) -> dict[str, Any]:
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        raise MissingExtra("The graph is read with onnx.", fix="pip install 'commonspace[train]'") from None
    graph = onnx.load(file).graph
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}


def _weights(given: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    """The arrays under the names of transformers' BertModel: words without their scales, matrices outputs x inputs."""
    words, scales = given["words"].astype(np.float32), given["scales"].astype(np.float32)
    scaled = words.reshape(*scales.shape, -1) * scales[..., None]
    held = {
        "embeddings.word_embeddings.weight": scaled.reshape(words.shape),
        "embeddings.position_embeddings.weight": given["positions"].astype(np.float32),
        "embeddings.token_type_embeddings.weight": np.zeros((2, words.shape[1]), np.float32),
    }
    for name, array in given.items():
        if name.startswith(("encoder.", "embeddings.")):
            matrix = name.endswith("weight") and array.ndim == 2
            held[name] = np.ascontiguousarray(array.T if matrix else array, dtype=np.float32)
    return held


def _config(weights: dict[str, NDArray[np.float32]], padding: int) -> dict[str, Any]:
    """What transformers' BertConfig needs, told from the weights' shapes."""
    width = weights["embeddings.word_embeddings.weight"].shape[1]
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": width,
        "intermediate_size": len(weights["encoder.layer.0.intermediate.dense.weight"]),
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": len(weights["embeddings.position_embeddings.weight"]),
        "num_attention_heads": width // HEAD_SIZE,
        "num_hidden_layers": 1 + max(int(found[1]) for name in weights if (found := LAYER.match(name))),
        "pad_token_id": padding,
        "type_vocab_size": 2,
        "vocab_size": len(weights["embeddings.word_embeddings.weight"]),
        "dtype": "float32",
    }


def _write(out: Path, weights: dict[str, NDArray[np.float32]], told: dict[str, Any], tokenizer: bytes) -> None:
    from safetensors.numpy import save_file

    config, most = _config(weights, int(told.get("pad_id", 0))), int(told["max_tokens"])
    width = config["hidden_size"]
    marks = {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    }
    kinds = ("Transformer", "Pooling", "Normalize")
    places = ("", "1_Pooling", "2_Normalize")
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (kind, path) in enumerate(zip(kinds, places, strict=True))
    ]
    documents = {
        "config.json": config,
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": most, "do_lower_case": False},
        "config_sentence_transformers.json": {"similarity_fn_name": "cosine"},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": most, **marks},
        "1_Pooling/config.json": {"word_embedding_dimension": width, "pooling_mode_mean_tokens": True},
        "2_Normalize/config.json": {},
    }
    for name, document in documents.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    (out / "tokenizer.json").write_bytes(tokenizer)
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
