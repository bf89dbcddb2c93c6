"""Networks whose files are whole and are not what the configuration says; only loading can tell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.hub.hostile_changes import WEIGHTS, Case, header, put

__all__ = ["LOADED", "make_sentences"]

TORCH: Final = {"format": "pt"}


def _reshaped(folder: Path, _: Path) -> None:
    """Give a weight of the network another shape, in a file that is whole."""
    _rewrite(folder / WEIGHTS, lambda _, array: array[:, :-1].copy() if array.ndim == 2 else array)


def _without_half(folder: Path, _: Path) -> None:
    _rewrite(folder / WEIGHTS, lambda name, array: None if hash_of(name) % 2 else array)


def _renamed(folder: Path, _: Path) -> None:
    from safetensors.numpy import load_file, save_file

    found = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    save_file({f"hostile.{name}.x": array for name, array in found.items()}, folder / WEIGHTS, metadata=TORCH)


def _rewrite(path: Path, change: Callable[[str, Any], Any]) -> None:
    from safetensors.numpy import load_file, save_file

    found = {name: change(name, array) for name, array in load_file(path).items()}
    path.unlink()
    save_file({name: array for name, array in found.items() if array is not None}, path, metadata=TORCH)


def hash_of(name: str) -> int:
    """The same in every process."""
    return sum(name.encode())


LOADED: Final = tuple(
    Case(name=f"{name} of {base}", base=base, change=change)
    for base in ("clip", "sentences")
    for name, change in (
        ("weights of another shape", _reshaped),
        ("half of the weights", _without_half),
        ("weights of other names", _renamed),
        ("no weights in a whole file", put(WEIGHTS, header({}, b""))),
    )
)
"""Refused when the network is loaded: only then is it known."""


def make_sentences(home: Path) -> Path:
    """A real sentence-transformers model with random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertConfig, BertModel

    from tests.hub.checkpoints import TEXT, save_tokenizer

    torch.manual_seed(5)
    BertModel(BertConfig(**TEXT, vocab_size=400, max_position_embeddings=64)).save_pretrained(home / "base")
    save_tokenizer(home / "base", most=64)
    modules = [Transformer(str(home / "base"), max_seq_length=32), Pooling(32, "mean"), Dense(32, 24)]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(home / "model"))
    return home / "model"
