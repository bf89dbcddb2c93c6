"""Several vectors become one to search with: a weighted sum, scaled to length one again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from commonspace.core.errors import UsageError
from commonspace.core.vectors import unit
from commonspace.encode.embedder import Embedding, pooled
from commonspace.index.records import Entry

__all__ = ["Part", "composed", "embedding_of"]

LEAST_LENGTH = 1e-4
"""Below this the sum of unit vectors is rounding: it points nowhere."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One vector of a composed query; a weight below zero leads away from it."""

    embedding: Embedding
    weight: float = 1.0


def composed(parts: Sequence[Part]) -> Embedding:
    """The weighted sum at length one; its scores are read as those of the part that weighs most, the first if several.

    Raises:
        UsageError: there is no part, a weight is not finite, or the parts cancel each other out.
    """
    if not parts:
        raise UsageError("The query has no parts.", fix="Give at least one text, medium or item.")
    if not all(np.isfinite(part.weight) for part in parts):
        raise UsageError("A part's weight is not a finite number.", fix="Give weights such as 1, 0.5 or -0.5.")
    heaviest = max(parts, key=lambda part: part.weight).embedding
    if len(parts) == 1 and parts[0].weight > 0:
        return heaviest
    scale = max(abs(part.weight) for part in parts) or 1.0
    total = np.sum([part.weight / scale * part.embedding.vector.astype(np.float64) for part in parts], axis=0)
    if np.linalg.norm(total) < LEAST_LENGTH:
        raise UsageError("The parts of the query cancel each other out.", fix="Change a weight, or leave a part out.")
    notes = tuple(note for part in parts for note in part.embedding.notes)
    return Embedding(vector=unit(total[None])[0], modality=heaviest.modality, notes=notes)


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
