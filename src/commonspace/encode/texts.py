"""The text tower: word pieces in, one vector for each text, whatever its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, final

import numpy as np

from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.runtime import Graph
from commonspace.encode.tower import Features

__all__ = ["TextPreparation", "TextTower"]

LENGTH_STEP = 8
MAX_BATCH = 32


@final
@dataclass(frozen=True, slots=True)
class TextPreparation:
    """Text to word-piece ids (t, int64); longer texts are cut at ``max_tokens``, special tokens included."""

    tokenizer_file: Path
    max_tokens: int
    _loaded: list[Any] = field(default_factory=list, repr=False, compare=False)

    def __call__(self, content: Content) -> Features:
        """Tokenise one text."""
        if not isinstance(content, str):
            raise TypeError(f"a text tower takes str, not {type(content).__name__}")
        ids = self._tokenizer().encode(content).ids
        return np.asarray(ids, dtype=np.int64)

    def __reduce__(self) -> tuple[object, ...]:
        return TextPreparation, (self.tokenizer_file, self.max_tokens)

    def _tokenizer(self) -> Any:
        if not self._loaded:
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(self.tokenizer_file))
            tokenizer.no_padding()
            tokenizer.enable_truncation(self.max_tokens)
            self._loaded.append(tokenizer)
        return self._loaded[0]


@final
class TextTower:
    """A sentence encoder. Texts of about one length share a batch, padded to a multiple of 8."""

    modality = Modality.TEXT

    def __init__(self, graph: Graph, prepare: TextPreparation) -> None:
        self._graph = graph
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode word-piece ids to unit vectors, one row each, in order."""
        order = sorted(range(len(batch)), key=lambda place: _bucket(batch[place]))
        groups = [
            places[start : start + MAX_BATCH]
            for _, group in groupby(order, key=lambda place: _bucket(batch[place]))
            for places in [list(group)]
            for start in range(0, len(places), MAX_BATCH)
        ]
        answers = self._graph.run([_padded([batch[place] for place in places]) for places in groups])
        rows = np.concatenate([answer["embedding"] for answer in answers])
        vectors = np.empty_like(rows)
        vectors[[place for places in groups for place in places]] = rows
        return vectors


def _bucket(ids: Features) -> int:
    return -(-len(ids) // LENGTH_STEP) * LENGTH_STEP


def _padded(texts: Sequence[Features]) -> dict[str, Features]:
    length = _bucket(texts[0])
    ids = np.zeros((len(texts), length), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return {"input_ids": ids, "attention_mask": mask}
