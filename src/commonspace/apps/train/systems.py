"""The systems that a training run compares: maps from views to vectors of one space, and CCA's own pair of maps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from commonspace.align.pairs import Pairs
from commonspace.align.posthoc import Canonical
from commonspace.apps.measuring import Side, distinct
from commonspace.core.errors import UsageError
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.projection import load_projection

__all__ = ["Apply", "CanonicalSystem", "Mapped", "before_map", "unit_rows"]

Apply = Callable[[NDArray[Any]], Vectors]
"""Features (n x ...) to unit vectors (n x d)."""


def unit_rows(features: NDArray[Any]) -> Vectors:
    """Features that are vectors of the space already."""
    return unit(np.asarray(features))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Every modality in ``maps`` goes to the space by its own map; ``views`` are read in place of some modalities."""

    name: str
    maps: Mapping[str, Apply]
    views: Mapping[str, str] = field(default_factory=dict)

    def sides(self, pairs: Pairs, query: str, corpus: str) -> tuple[Side, Side] | None:
        """Both sides; None where a modality has no map here, or the pairs lack the views it reads."""
        if any(each not in self.maps or self.views.get(each, each) not in pairs.views for each in (query, corpus)):
            return None
        return self._side(pairs, query), self._side(pairs, corpus)

    def _side(self, pairs: Pairs, modality: str) -> Side:
        places, concepts = distinct(pairs, modality)
        read = pairs.of(self.views.get(modality, modality))
        if not np.array_equal(read.offsets, pairs.of(modality).offsets):
            raise UsageError(
                f"'{self.views[modality]}' has not one view for each of '{modality}'.",
                fix="Save one earlier vector for every view, in the same order.",
            )
        return Side(vectors=self.maps[modality](read.features[places]), concepts=concepts)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalSystem:
    """CCA: each modality shares a space with the anchor alone, so only directions with the anchor can be compared."""

    name: str
    anchor: str
    alignments: Mapping[str, Canonical]

    def sides(self, pairs: Pairs, query: str, corpus: str) -> tuple[Side, Side] | None:
        """Both sides of a direction to or from the anchor."""
        other = corpus if query == self.anchor else query
        if self.anchor not in (query, corpus) or other not in self.alignments:
            return None
        form = self.alignments[other]
        sides = {}
        for modality, apply in ((other, form.x), (self.anchor, form.y)):
            places, concepts = distinct(pairs, modality)
            features = pairs.of(modality).features[places]
            rows = unit_rows(features) if modality == self.anchor else features
            sides[modality] = Side(vectors=apply(rows), concepts=concepts)
        return sides[query], sides[corpus]


def before_map(folder: Path) -> Apply:
    """What a saved head gives, read without PyTorch: the path that search will take."""
    projection = load_projection(folder)
    return lambda features: projection(np.asarray(features))
