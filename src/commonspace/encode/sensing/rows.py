"""The table tower: a row told in words, column by column, and read by the space's text tower."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from commonspace.core.item import Content, Row
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.sensing.telling import parts_of
from commonspace.encode.texts import TextTower
from commonspace.encode.tower import Features, Preparation

__all__ = ["RowPreparation", "TableTower"]


@final
@dataclass(frozen=True, slots=True)
class RowPreparation:
    """A row to word-piece ids: parts x (1 + tokens), int64, first whether a part is of numbers, -1 after its end."""

    text: Preparation

    def __call__(self, content: Content) -> Features:
        """Tell one row and tokenise it."""
        if not isinstance(content, Row):
            raise TypeError(f"a table tower takes Row, not {type(content).__name__}")
        parts = [(part.numbers, self.text(part.text)) for part in parts_of(content)]
        ids = np.full((len(parts), 1 + max(len(part) for _, part in parts)), -1, dtype=np.int64)
        for place, (numbers, part) in enumerate(parts):
            ids[place, 0] = numbers
            ids[place, 1 : 1 + len(part)] = part
        return ids


@final
class TableTower:
    """Rows through the text tower: the mean of what a row's words say and what its numbers say."""

    modality = Modality.TABLE

    def __init__(self, text: TextTower) -> None:
        self._text = text
        self.prepare = RowPreparation(text.prepare)

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode word-piece ids of rows to unit vectors, one row each, in order."""
        parts = [part[1:][part[1:] >= 0] for ids in batch for part in ids]
        ends = np.cumsum([len(ids) for ids in batch])
        by_row = np.split(self._text.encode(parts), ends[:-1])
        return np.concatenate([_mean(rows, ids[:, 0]) for rows, ids in zip(by_row, batch, strict=True)])


def _mean(rows: Vectors, kinds: Features) -> Vectors:
    """One unit row: each kind of part counts alike, then each part within it."""
    means = np.stack([rows[kinds == kind].mean(axis=0) for kind in np.unique(kinds)])
    return unit(unit(means).mean(axis=0, keepdims=True))
