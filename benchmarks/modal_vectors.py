"""Vectors as a space of several modalities has them: clusters in a cone, and queries from another cone.

Clusters of Zipf-like weights, in super-clusters; each spans a subspace of its own within a semantic space that all
share; noise around. Queries *of the same modality* are more draws. Queries *of another* have another mean (the modality
gap), mix two concepts and are noisier. How hard that is was set by hand, not fitted to real vectors.
"""

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.vectors import Vectors, unit

__all__ = ["Modal", "modal_vectors"]

NUM_CLUSTERS: Final = 2_000
NUM_GROUPS: Final = 60
SEMANTIC: Final = 120
WITHIN: Final = 30
NOISE: Final = 0.42
GAP: Final = 0.5
BLOCK: Final = 10_000

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Modal:
    """Rows to find, and queries of the rows' modality and of another; all of unit length."""

    rows: Vectors
    same: Vectors
    other: Vectors


def modal_vectors(num_rows: int, dimension: int, num_queries: int, seed: int = 0) -> Modal:
    """So many rows and queries of each sort; the same for a seed."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((dimension, min(SEMANTIC, dimension))))[0].T
    width = len(basis)
    groups = rng.standard_normal((NUM_GROUPS, width))
    centres = 0.8 * groups[rng.integers(0, NUM_GROUPS, NUM_CLUSTERS)] + 0.6 * rng.standard_normal((NUM_CLUSTERS, width))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    spans = rng.standard_normal((NUM_CLUSTERS, WITHIN, width)) / np.sqrt(WITHIN * width)
    weights = 1.0 / np.arange(1, NUM_CLUSTERS + 1) ** 0.8
    weights /= weights.sum()
    cones = [_direction(rng, dimension) for _ in range(2)]

    def drawn(count: int, *, away: bool) -> Vectors:
        chosen = rng.choice(NUM_CLUSTERS, count, p=weights)
        meaning: Floats = centres[chosen] + 0.7 * np.einsum(
            "nk,nkd->nd", rng.standard_normal((count, WITHIN)), spans[chosen]
        )
        if away:
            meaning = 0.6 * meaning + 0.4 * centres[rng.choice(NUM_CLUSTERS, count, p=weights)]
        noise = (2 * NOISE if away else NOISE) * rng.standard_normal((count, dimension)) / np.sqrt(dimension)
        return unit((meaning @ basis + noise + GAP * cones[int(away)]).astype(np.float32))

    blocks = [drawn(min(BLOCK, num_rows - at), away=False) for at in range(0, num_rows, BLOCK)]
    return Modal(rows=np.concatenate(blocks), same=drawn(num_queries, away=False), other=drawn(num_queries, away=True))


def _direction(rng: np.random.Generator, dimension: int) -> Floats:
    drawn: Floats = rng.standard_normal(dimension)
    return drawn / np.linalg.norm(drawn)
