"""Closed forms over pairs: the baselines that every training must beat, at the strength that validates best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.align.pairs import Pairs
from commonspace.align.posthoc import Alignment, Canonical, cca, procrustes, ridge
from commonspace.core.errors import UsageError
from commonspace.core.vectors import unit

__all__ = ["ClosedForm", "closed_forms", "matched"]

Rows = NDArray[np.floating]
Score = Callable[[Alignment | Canonical], float]
"""How well an alignment of a modality with the anchor does on rows it was not fitted to; higher is better."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClosedForm:
    """One modality aligned with the anchor; ``strength`` is the one chosen, or None where the form has none."""

    name: str
    modality: str
    alignment: Alignment | Canonical
    strength: float | None


def closed_forms(
    pairs: Pairs, modality: str, anchor: str, *, strengths: Sequence[float], max_rows: int, score: Score
) -> list[ClosedForm]:
    """Ridge, Procrustes and CCA from a modality to the anchor; forms that these rows cannot settle are left out.

    Every row's views meet the mean of its anchor's views. At most ``max_rows`` of them are used, evenly spread.
    """
    x, y = matched(pairs, modality, anchor, max_rows=max_rows)
    dimension = min(x.shape[1], y.shape[1], len(x) - 1)
    tries: dict[str, list[tuple[float | None, Callable[[], Alignment | Canonical]]]] = {
        "ridge": [(each, lambda each=each: ridge(x, y, strength=each)) for each in strengths],  # type: ignore[misc]
        "procrustes": [(None, lambda: procrustes(x, y))],
        "cca": [(each, lambda each=each: cca(x, y, dimension=dimension, strength=each)) for each in strengths],  # type: ignore[misc]
    }
    found = []
    for name, ways in tries.items():
        fitted = [(strength, made) for strength, make in ways if (made := _or_none(make)) is not None]
        if fitted:
            strength, alignment = max(fitted, key=lambda each: score(each[1]))
            found.append(ClosedForm(name=name, modality=modality, alignment=alignment, strength=strength))
    return found


def matched(pairs: Pairs, modality: str, anchor: str, *, max_rows: int) -> tuple[Rows, Rows]:
    """A modality's features (n x p) and, for each, the unit mean of its row's anchor vectors (n x q), as float32.

    Raises:
        UsageError: fewer than two rows have both, or the features are not flat.
    """
    rows = np.flatnonzero(pairs.has(modality, anchor))
    if len(rows) < 2 or pairs.of(modality).features.ndim != 2:
        raise UsageError(
            f"'{modality}' and '{anchor}' share {len(rows)} rows of flat features: too few to align.",
            fix="Give rows that have both, or tower features instead of pixels.",
        )
    held = pairs.take(rows)
    anchors = held.of(anchor)
    sums = np.add.reduceat(unit(np.asarray(anchors.features)), anchors.offsets[:-1], axis=0)
    views = held.of(modality)
    row_of_view = views.row_of_view
    chosen = np.unique(np.linspace(0, len(row_of_view) - 1, min(max_rows, len(row_of_view))).astype(np.int64))
    return views.features[chosen].astype(np.float32), unit(sums)[row_of_view[chosen]]


def _or_none(make: Callable[[], Alignment | Canonical]) -> Alignment | Canonical | None:
    """A form, or None where the equations have no single answer on these rows."""
    try:
        return make()
    except UsageError:
        return None
