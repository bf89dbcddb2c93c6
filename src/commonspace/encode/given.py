"""A space around somebody else's text encoder: a function from texts to vectors, scaled to length one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from blake3 import blake3

from commonspace.core.errors import ModelError
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.embedder import Embedder
from commonspace.encode.prepare import Preparer
from commonspace.encode.tower import Features
from commonspace.ingest.decode import Plan

__all__ = ["EmbedTexts", "given_embedder", "given_vectors"]

EmbedTexts = Callable[[list[str]], Sequence[Sequence[float]]]

UNCUT_CHARS: Final = 1_000_000
"""Texts are whole: whoever brings an encoder cuts them as it likes."""


@final
@dataclass(frozen=True, slots=True)
class _Letters:
    """A text as its UTF-8 bytes, which is all that a foreign encoder needs."""

    def __call__(self, content: Content) -> Features:
        if not isinstance(content, str):
            raise TypeError(f"a text tower takes str, not {type(content).__name__}")
        return np.frombuffer(content.encode(), dtype=np.uint8)


@final
class _GivenTower:
    modality = Modality.TEXT
    prepare = _Letters()

    def __init__(self, name: str, dimension: int, embed_texts: EmbedTexts) -> None:
        self._name = name
        self._dimension = dimension
        self._embed_texts = embed_texts

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Ask the encoder for all texts at once."""
        texts = [letters.tobytes().decode() for letters in batch]
        return given_vectors(self._embed_texts(texts), len(texts), self._dimension, self._name)


def given_embedder(name: str, dimension: int, embed_texts: EmbedTexts) -> Embedder:
    """An embedder over a foreign encoder. Its space is known by ``name`` and ``dimension``: name other weights anew.

    Texts are embedded whole, a batch at a time. The encoder is trusted to give the same text the same vector.
    """
    tower = _GivenTower(name, dimension, embed_texts)
    space = Space(
        name=name,
        dimension=dimension,
        towers=(Modality.TEXT,),
        composed=(),
        fingerprint=blake3(f"given:{name}:{dimension}".encode()).hexdigest(),
    )
    plan = Plan(passage_chars=UNCUT_CHARS)
    preparer = Preparer(space=space, plan=plan, preparations={Modality.TEXT: tower.prepare})
    return Embedder(preparer, lambda _: tower)


def given_vectors(rows: Sequence[Sequence[float]], num_texts: int, dimension: int, name: str) -> Vectors:
    """What a foreign encoder answered as unit rows.

    Raises:
        ModelError: not one vector of the right size a text, or one without a direction.
    """
    answer = np.asarray(rows, dtype=np.float64)
    if answer.shape != (num_texts, dimension):
        raise ModelError(
            f"The encoder '{name}' answered {answer.shape} for {num_texts} texts of {dimension} dimensions.",
            fix="Give the encoder that filled this store.",
        )
    if not np.isfinite(answer).all() or not answer.any(axis=1).all():
        raise ModelError(
            f"The encoder '{name}' answered a vector that is zero or not finite.", fix="Check the encoder's input."
        )
    return unit(answer)
