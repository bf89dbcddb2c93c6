"""Things known in several modalities, as a system to measure: rows fused with all their parts, or with some hidden.

A row that has every part is one item: of several views of a part the first counts. Hiding a part changes no row, so
every way to fuse, and each part alone, is measured on the same items and queries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import nn

from commonspace.align.pairs import Pairs, Views
from commonspace.apps.measuring import Side, distinct
from commonspace.apps.train.systems import Apply, unit_rows
from commonspace.core.errors import UsageError
from commonspace.core.vectors import Vectors

__all__ = ["FusedSystem", "fusable"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FusedSystem:
    """A fusion of ``parts`` against the anchor, when only ``shown`` of them are there; reads what ``fusable`` gives."""

    name: str
    anchor: str
    parts: tuple[str, ...]
    shown: tuple[str, ...]
    module: nn.Module

    @property
    def fused(self) -> str:
        """The name of what is fused, in directions."""
        return "+".join(self.parts)

    def sides(self, pairs: Pairs, query: str, corpus: str) -> tuple[Side, Side] | None:
        """Both sides of a direction between the anchor and what is fused; no other can be compared."""
        if {query, corpus} != {self.anchor, self.fused}:
            return None
        places, concepts = distinct(pairs, self.anchor)
        sides = {
            self.anchor: Side(vectors=unit_rows(pairs.of(self.anchor).features[places]), concepts=concepts),
            self.fused: Side(vectors=self._vectors(pairs), concepts=pairs.concepts),
        }
        return sides[query], sides[corpus]

    def _vectors(self, pairs: Pairs) -> Vectors:
        device = next((each.device for each in self.module.parameters()), torch.device("cpu"))
        was_training = self.module.training
        self.module.eval()
        parts = {name: torch.from_numpy(_firsts(pairs.of(name))).to(device) for name in self.parts}
        present = {name: torch.full((len(pairs),), name in self.shown, device=device) for name in self.parts}
        with torch.no_grad():
            fused = self.module(parts, present).float().cpu().numpy()
        self.module.train(was_training)
        return unit_rows(fused)


def fusable(pairs: Pairs, parts: Sequence[str], anchor: str, maps: Mapping[str, Apply]) -> Pairs:
    """The rows that have the anchor and every part, each view as a unit vector of the space.

    ``maps`` bring a modality there; views without one are vectors of the space already.

    Raises:
        UsageError: a part is not of the anchor's dimension.
    """
    rows = pairs.take(np.flatnonzero(pairs.has(anchor, *parts)))
    views = {}
    for name in (anchor, *parts):
        held = rows.of(name)
        vectors = maps.get(name, unit_rows)(held.features) if len(rows) else held.features
        views[name] = Views(features=vectors, offsets=held.offsets)
    sizes = {name: each.features.shape[-1] for name, each in views.items()}
    if len(rows) and len(set(sizes.values())) > 1:
        raise UsageError(
            f"Only vectors of one space can be fused, and these have {sizes} numbers.",
            fix="Give each part a head, or name views that are vectors of the space.",
        )
    return Pairs(views=views, concepts=rows.concepts, splits=rows.splits, keys=rows.keys)


def _firsts(views: Views) -> Vectors:
    return np.ascontiguousarray(views.features[views.offsets[:-1]], dtype=np.float32)
