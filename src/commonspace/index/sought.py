"""What a search wants of the segments in memory, and what it gets."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import final

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.attributes import Condition

__all__ = ["Answers", "Sought"]

Answers = list[list[tuple[int, float]]]
"""For each query, segments and their scores, best first."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sought:
    """What a search wants: the best ``k`` segments, of items of these modalities, made by these towers (None: by any).

    With ``where``, only of items for which this condition holds; with ``best_of_item``, an item's best
    segment only.
    """

    queries: Vectors
    k: int
    modalities: Collection[Modality] | None = None
    towers: Collection[Modality] | None = None
    where: Condition | None = None
    best_of_item: bool = False
