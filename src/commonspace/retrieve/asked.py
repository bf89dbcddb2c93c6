"""A query whose parts have vectors: what is wanted becomes one vector, what is unwanted stays apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from commonspace.core.errors import UsageError
from commonspace.core.vectors import unit
from commonspace.encode.embedder import Embedding, pooled
from commonspace.index.records import Entry

__all__ = ["Asked", "AskedPart", "embedding_of"]

LEAST_LENGTH = 1e-4
"""Below this the sum of unit vectors is rounding: it points nowhere."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AskedPart:
    """One vector of a query. ``words`` are its text, ``item`` the id of the stored item that it is, if it is one."""

    embedding: Embedding
    weight: float = 1.0
    label: str = ""
    words: str = ""
    item: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """Parts with weights. The wanted ones add up to ``embedding``, of unit length.

    Its scores are read as those of the wanted part that weighs most, the first of several. Unwanted parts (of weights
    below zero) are not in the sum: taken off there, they drown what is wanted (``unwanted`` says how they count).

    Raises:
        UsageError: no part has a weight above zero, a weight is not finite, or the wanted parts cancel each other out.
    """

    parts: tuple[AskedPart, ...]
    embedding: Embedding = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "embedding", _composed(self.parts))

    @property
    def wanted(self) -> tuple[AskedPart, ...]:
        """The parts that add up."""
        return tuple(part for part in self.parts if part.weight > 0.0)

    @property
    def unwanted(self) -> tuple[AskedPart, ...]:
        """The parts that lead away."""
        return tuple(part for part in self.parts if part.weight < 0.0)

    @property
    def words(self) -> str:
        """The texts that are wanted, one after another."""
        return " ".join(part.words for part in self.wanted if part.words)

    @property
    def excluded(self) -> frozenset[str]:
        """Items that are no answer, for they are the question."""
        return frozenset(part.item for part in self.parts if part.item is not None)

    @property
    def length(self) -> float:
        """The length of the weighted sum, by which it was divided."""
        total = np.sum([part.weight * part.embedding.vector.astype(np.float64) for part in self.wanted], axis=0)
        return float(np.linalg.norm(total))


def embedding_of(entry: Entry) -> Embedding:
    """The one vector of a stored item, as embedding it anew would give.

    Raises:
        UsageError: nothing in the item has a vector.
    """
    if not entry.segments:
        raise UsageError(
            f"The item '{entry.item.name}' has no vector of its own.",
            fix="Search with another item, or with its words.",
        )
    vector = pooled(entry.vectors, [segment.modality for segment in entry.segments])
    return Embedding(vector=vector, modality=entry.item.modality, notes=entry.item.notes)


def _composed(parts: Sequence[AskedPart]) -> Embedding:
    if not all(np.isfinite(part.weight) for part in parts):
        raise UsageError("A part's weight is not a finite number.", fix="Give weights such as 1, 0.5 or -0.5.")
    wanted = [part for part in parts if part.weight > 0.0]
    if not wanted:
        raise UsageError(
            "The query says nothing that is wanted.", fix="Give at least one text, medium or item of a weight above 0."
        )
    heaviest = max(wanted, key=lambda part: part.weight).embedding
    if len(wanted) == 1:
        return heaviest
    scale = max(part.weight for part in wanted)
    total = np.sum([part.weight / scale * part.embedding.vector.astype(np.float64) for part in wanted], axis=0)
    if np.linalg.norm(total) < LEAST_LENGTH:
        raise UsageError("The parts of the query cancel each other out.", fix="Change a weight, or leave a part out.")
    notes = tuple(note for part in parts for note in part.embedding.notes)
    return Embedding(vector=unit(total[None])[0], modality=heaviest.modality, notes=notes)
