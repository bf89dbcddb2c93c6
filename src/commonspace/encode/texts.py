"""Text towers: word pieces in, one vector for each text, whatever its neighbours."""

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
from commonspace.encode.tower import Features, Preparation

__all__ = ["Padding", "TextPreparation", "TextTower"]

LENGTH_STEP = 8
MAX_BATCH = 32


@final
@dataclass(frozen=True, slots=True)
class TextPreparation:
    """Text to word-piece ids (t, int64); longer texts are cut at ``max_tokens``, special tokens included.

    ``prefix`` is put before every text, where a model was trained with one; ``lowered`` makes capitals small first.
    ``suffix`` is put behind it and stays when a text is cut; ``stripped`` takes white space off its ends. Without
    ``special`` the tokenizer adds no tokens of its own.
    """

    tokenizer_file: Path
    max_tokens: int
    prefix: str = ""
    lowered: bool = False
    suffix: str = ""
    stripped: bool = False
    special: bool = True
    _loaded: list[Any] = field(default_factory=list, repr=False, compare=False)

    def __call__(self, content: Content) -> Features:
        """Tokenise one text."""
        if not isinstance(content, str):
            raise TypeError(f"a text tower takes str, not {type(content).__name__}")
        text = self.prefix + (content.strip() if self.stripped else content) + self.suffix
        ids = self._ids(text.lower() if self.lowered else text)
        if self.suffix and len(ids) >= self.max_tokens:
            end = self._end()[-len(ids) :]
            ids[len(ids) - len(end) :] = end
        return np.asarray(ids, dtype=np.int64)

    def __reduce__(self) -> tuple[object, ...]:
        words = self.prefix, self.lowered, self.suffix, self.stripped, self.special
        return TextPreparation, (self.tokenizer_file, self.max_tokens, *words)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer().encode(text, add_special_tokens=self.special).ids)

    def _end(self) -> list[int]:
        """The tokens that every text ends with: those that two unlike short ones share."""
        one, other = (self._ids(f"{self.prefix}{short}{self.suffix}") for short in ("0", "1 2 3 4"))
        unlike = (at for at in range(1, 1 + min(len(one), len(other))) if one[-at] != other[-at])
        count = next(unlike, 1) - 1
        return one[len(one) - count :]

    def _tokenizer(self) -> Any:
        if not self._loaded:
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(self.tokenizer_file))
            tokenizer.no_padding()
            tokenizer.enable_truncation(self.max_tokens)
            self._loaded.append(tokenizer)
        return self._loaded[0]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """How texts of a batch are made equally long: with ``token``, to a multiple of 8 or to ``length`` always.

    ``most`` is where the network's positions end; ``left`` pads before the text. Without ``masked`` the network is
    not told where a text ends: some were trained on the padding.
    """

    token: int = 0
    length: int | None = None
    most: int | None = None
    masked: bool = True
    left: bool = False


@final
class TextTower:
    """A sentence encoder. Texts of about one length share a batch."""

    modality = Modality.TEXT

    def __init__(self, graph: Graph, prepare: Preparation, padding: Padding | None = None) -> None:
        self._graph = graph
        self._padding = padding or Padding()
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode word-piece ids to unit vectors, one row each, in order."""
        order = sorted(range(len(batch)), key=lambda place: self._length(batch[place]))
        groups = [
            places[start : start + MAX_BATCH]
            for _, group in groupby(order, key=lambda place: self._length(batch[place]))
            for places in [list(group)]
            for start in range(0, len(places), MAX_BATCH)
        ]
        answers = self._graph.run([self._padded([batch[place] for place in places]) for places in groups])
        rows = np.concatenate([answer["embedding"] for answer in answers])
        vectors = np.empty_like(rows)
        vectors[[place for places in groups for place in places]] = rows
        return vectors

    def _length(self, ids: Features) -> int:
        stepped = -(-len(ids) // LENGTH_STEP) * LENGTH_STEP
        return self._padding.length or min(stepped, self._padding.most or stepped)

    def _padded(self, texts: Sequence[Features]) -> dict[str, Features]:
        ids = np.full((len(texts), self._length(texts[0])), self._padding.token, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            start = ids.shape[1] - len(text) if self._padding.left else 0
            ids[row, start : start + len(text)] = text
            mask[row, start : start + len(text)] = 1
        return {"input_ids": ids, "attention_mask": mask} if self._padding.masked else {"input_ids": ids}
