"""Vectors whose concept is known, and what a direction between two kinds of them scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.vectors import Vectors

__all__ = ["Labelled", "Matched", "matched"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """Things of one modality: unit vectors (n x d), the concept of each, and a key that no other thing has."""

    vectors: Vectors
    concepts: tuple[str, ...]
    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.vectors) == len(self.concepts) == len(self.keys):
            raise ValueError(f"{len(self.vectors)} vectors, {len(self.concepts)} concepts, {len(self.keys)} keys")

    def where(self, keep: Callable[[str], bool]) -> "Labelled":
        """Only the things whose concept ``keep`` says yes to."""
        mask = [keep(concept) for concept in self.concepts]
        return Labelled(
            vectors=self.vectors[mask],
            concepts=tuple(concept for concept, kept in zip(self.concepts, mask, strict=True) if kept),
            keys=tuple(key for key, kept in zip(self.keys, mask, strict=True) if kept),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matched:
    """Queries x items: scores, whether the concepts are equal, and whether the pair counts.

    A thing is no answer to itself. Only queries with something to find are there.
    """

    scores: NDArray[np.float32]
    relevant: NDArray[np.bool_]
    counted: NDArray[np.bool_]

    def best(self, *, right: bool) -> NDArray[np.float32]:
        """Each query's highest score among the relevant items, or among the others; -inf where there is none."""
        asked = self.counted & (self.relevant if right else ~self.relevant)
        return np.asarray(np.where(asked, self.scores, -np.inf).max(axis=1, initial=-np.inf), np.float32)

    def less(self, bias: NDArray[np.float32]) -> "Matched":
        """The same pairs with the items' biases taken off."""
        return Matched(scores=self.scores - bias, relevant=self.relevant, counted=self.counted)


def matched(queries: Labelled, items: Labelled, bias: NDArray[np.float32] | None = None) -> Matched:
    """Score every query against every item (less the items' biases); queries without a relevant item are left out.

    Memory is O(queries x items).
    """
    relevant = _equal(queries.concepts, items.concepts)
    counted = ~_equal(queries.keys, items.keys)
    kept = (relevant & counted).any(axis=1)
    scores = queries.vectors[kept] @ items.vectors.T
    return Matched(scores=scores if bias is None else scores - bias, relevant=relevant[kept], counted=counted[kept])


def _equal(these: tuple[str, ...], those: tuple[str, ...]) -> NDArray[np.bool_]:
    """Which of these (rows) are which of those (columns)."""
    numbers: dict[str, int] = {}
    rows = np.array([numbers.setdefault(each, len(numbers)) for each in these], np.int64)
    columns = np.array([numbers.setdefault(each, len(numbers)) for each in those], np.int64)
    return np.asarray(rows[:, None] == columns[None, :], np.bool_)
