"""Queries for tests: vectors as they are, and with words, weights and what is not wanted."""

from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.embedder import Embedding
from commonspace.retrieve.asked import Asked, AskedPart
from commonspace.retrieve.candidates import ItemSearch
from commonspace.retrieve.hit import Hit
from commonspace.retrieve.judge import Judging
from commonspace.retrieve.ranking import Options, Ranking
from commonspace.retrieve.search import search

__all__ = ["found", "part"]


def part(
    vector: NDArray[np.float32],
    weight: float = 1.0,
    *,
    words: str = "",
    item: str | None = None,
    modality: Modality = Modality.TEXT,
) -> AskedPart:
    """One part of a query, whose label is its words."""
    embedding = Embedding(vector=vector, modality=modality, notes=())
    return AskedPart(embedding=embedding, weight=weight, label=words or "vector", words=words, item=item)


def found(
    store: ItemSearch, query: Vectors | Asked, judging: Judging | None = None, **options: Unpack[Options]
) -> list[Hit]:
    """The hits of a query: one unit row, or parts."""
    asked = query if isinstance(query, Asked) else Asked(parts=(part(query[0]),))
    return search(store, asked, Ranking.of(**options), judging)
