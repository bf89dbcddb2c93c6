"""What a checkpoint must not ask for, whatever its family: code of its own, pickles, networks that its weights deny.

Looked at before any adapter or library sees the folder. The libraries refuse most of this themselves when told to;
this does not rest on it.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any, Final

import orjson

from commonspace.core.errors import ModelError
from commonspace.encode.hub.folder import INDEX_NAME, PICKLED, CheckpointFolder
from commonspace.encode.hub.tensors import check_tensors

__all__ = ["missing_weights", "refuse_hostile", "require_filled"]

CODE_BEARERS: Final = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "image_processor_config.json",
    "video_preprocessor_config.json",
    "0_Transformer/config.json",
)
LIBRARY: Final = "sentence_transformers."
MODULES: Final = frozenset(
    (
        "CLIPModel",
        "CNN",
        "Dense",
        "Dropout",
        "LSTM",
        "LayerNorm",
        "Normalize",
        "Pooling",
        "Router",
        "StaticEmbedding",
        "Transformer",
        "WeightedLayerPooling",
    )
)
"""Modules of sentence-transformers that are made of numbers alone."""
ACTIVATIONS: Final = "torch.nn.modules."
WIDTHS: Final = frozenset({"hidden_size", "intermediate_size", "vocab_size", "projection_dim", "d_model", "embed_dim"})
DEPTHS: Final = frozenset({"num_hidden_layers", "num_layers", "encoder_layers", "decoder_layers", "depth", "n_layer"})
DEEPEST: Final = 20
UNUSED: Final = ("pooler.", "masked_spec_embed", "position_ids", "lm_head", "cls.predictions")
"""Weights that many checkpoints leave out because no vector depends on them."""


def refuse_hostile(folder: CheckpointFolder) -> None:
    """Check a folder before anything of it is used.

    Raises:
        ModelError: it brings code, pickles, entries that are no plain files or lead out, or contradicts its weights.
    """
    folder.survey()
    for name in CODE_BEARERS:
        if folder.maybe_json(name).get("auto_map"):
            raise _code(folder, f"{name} names Python code that the model brings itself")
    if folder.has("modules.json"):
        _check_modules(folder)
    if folder.has("router_config.json"):
        types = folder.json("router_config.json").get("types")
        _check_types(folder, list(types.values()) if isinstance(types, Mapping) else [types])
    _check_size(folder)


def require_filled(folder: CheckpointFolder, missing: Iterable[str]) -> None:
    """Check that a network got all its weights: libraries fill what is missing with random numbers and go on.

    Raises:
        ModelError: a weight is missing that its vectors depend on.
    """
    lacking = sorted(name for name in missing if not any(part in name for part in UNUSED))
    if lacking:
        raise ModelError(
            f"The weights in {folder.path} lack {len(lacking)} that the network has, such as {lacking[0]}.",
            fix="Download the model again; its configuration and its weights do not belong together.",
        )


def missing_weights(network: Any, folder: CheckpointFolder, within: str = "") -> list[str]:
    """The names of a PyTorch network's weights that no safetensors file holds, whatever stands before them."""
    held = {name for file in folder.weights(within) for name in check_tensors(file)}
    ends = held | {name.partition(".")[2] for name in held}
    state = network.state_dict()
    filled = {value.data_ptr() for name, value in state.items() if name in ends or name.partition(".")[2] in ends}
    return [name for name, value in state.items() if value.data_ptr() not in filled]


def _check_modules(folder: CheckpointFolder) -> None:
    modules = orjson.loads(folder.content("modules.json"))
    if not isinstance(modules, list) or not all(isinstance(each, Mapping) for each in modules):
        raise ModelError(f"modules.json in {folder.path} is no list of modules.", fix="Download the model again.")
    _check_types(folder, [each.get("type") for each in modules])
    for each in modules:
        path = each.get("path", "")
        there = (folder.path / str(path)).is_dir() or str(each.get("type")).endswith(".Normalize")  # has no file
        if not isinstance(path, str) or not folder.keeps(path) or not there:
            raise ModelError(
                f"modules.json in {folder.path} names the folder {str(path)[:80]!r}, which is none inside.",
                fix="Download the model again.",
            )
        if path and (folder.path / path).is_dir():
            _check_module(folder, path)


def _check_module(folder: CheckpointFolder, path: str) -> None:
    """One module's folder: no activation from elsewhere, no pickle where the library looks for one."""
    config = folder.maybe_json(f"{path}/config.json")
    activation = config.get("activation_function", ACTIVATIONS)
    if not isinstance(activation, str) or not activation.startswith(ACTIVATIONS):
        raise _code(folder, f"{path}/config.json names {str(activation)[:80]!r} for an activation")
    if config.get("auto_map"):
        raise _code(folder, f"{path}/config.json names Python code that the model brings itself")
    entries = {entry.suffix for entry in (folder.path / path).iterdir()}
    if entries & set(PICKLED) and ".safetensors" not in entries:
        raise ModelError(
            f"{path} in {folder.path} has its weights in a format that can run code when it is loaded.",
            fix="Use a revision with safetensors, or convert it once where you trust it (docs/models.md).",
        )


def _check_types(folder: CheckpointFolder, types: list[Any]) -> None:
    for each in types:
        known = isinstance(each, str) and each.startswith(LIBRARY) and each.isascii()
        if not known or each.rpartition(".")[2] not in MODULES:
            raise _code(folder, f"it is made of {str(each)[:80]!r}, code that the model brings itself")


def _check_size(folder: CheckpointFolder) -> None:
    """Hold the sizes that ``config.json`` tells against the tensors: memory is taken by what it tells."""
    names = [INDEX_NAME] if folder.has(INDEX_NAME) else list(folder.path.glob("*.safetensors"))
    if not names or not folder.has("config.json"):
        return
    shapes = [shape for file in folder.weights() for shape in check_tensors(file).values()]
    largest = max((prod(shape) for shape in shapes), default=0)
    for key, value in _numbers(folder.json("config.json")):
        most = largest if key in WIDTHS else len(shapes)
        if key in WIDTHS | DEPTHS and value > most:
            raise ModelError(
                f"config.json in {folder.path} says {key} is {value}; its weights hold no such network.",
                fix="Download the model again.",
            )


def _numbers(document: Any, depth: int = 0) -> Iterator[tuple[str, int | float]]:
    """Every number in a document of reasonable depth, by the key it stands under."""
    if depth > DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(document, Mapping):
        for key, value in document.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield str(key), value
            else:
                yield from _numbers(value, depth + 1)


def _code(folder: CheckpointFolder, cause: str) -> ModelError:
    return ModelError(
        f"The model in {folder.path} is refused: {cause}.",
        fix="Use a model that a library carries the code of; a model's own code is never run.",
    )
