"""A second opinion on the first few: whoever reads query and hit together may put them in another order."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from commonspace.core.errors import UsageError
from commonspace.retrieve.asked import Asked
from commonspace.retrieve.candidates import Candidate
from commonspace.retrieve.hit import Hit

__all__ = ["RERANKED", "Reranker", "reordered"]

RERANKED: Final = 50
"""How many of the best are put in order anew."""


class Reranker(Protocol):
    """Scores hits for a query, higher is better; None where it has nothing to say, and such a hit keeps its place."""

    def scores(self, asked: Asked, hits: Sequence[Hit]) -> Sequence[float | None]:
        """One score or None a hit, in order."""
        ...


def reordered(candidates: Sequence[Candidate], scores: Sequence[float | None]) -> list[Candidate]:
    """The candidates with those that have a score in its order, in the places that they held; equal ones stay in order.

    Raises:
        UsageError: the re-ranker did not give one score a hit, or one that is not finite.
    """
    given = [(place, score) for place, score in enumerate(scores) if score is not None]
    if len(scores) != len(candidates) or not all(np.isfinite(score) for _, score in given):
        raise UsageError(
            f"The re-ranker gave {len(scores)} scores for {len(candidates)} hits, or one that is no number.",
            fix="A re-ranker gives one finite number, or None, for each hit.",
        )
    after = list(candidates)
    best = sorted(given, key=lambda one: -one[1])
    for (place, _), (before, score) in zip(given, best, strict=True):
        after[place] = replace(candidates[before], reranked=(before + 1, score))
    return after
