"""Small pairs whose modalities are noisy views of one thing, so that aligning them can be learned in a second."""

from collections.abc import Sequence

import numpy as np

from commonspace.align.pairs import Pairs, Views

__all__ = ["CONCEPTS", "SIZES", "made_pairs", "some_missing"]

CONCEPTS = 60
SIZES = {"text": 16, "image": 24, "audio": 12}
HIDDEN = 6


def made_pairs(num_rows: int = 180, *, seed: int = 0, names: Sequence[str] = ("text", "image", "audio")) -> Pairs:
    """Rows of 60 concepts; each modality is a random linear map of a hidden thing, bent and noisy."""
    dice = np.random.default_rng(seed)
    maps = {name: np.random.default_rng(size).standard_normal((HIDDEN, size)) for name, size in SIZES.items()}
    hidden = dice.standard_normal((CONCEPTS, HIDDEN))[np.arange(num_rows) % CONCEPTS]
    hidden = hidden + 0.1 * dice.standard_normal(hidden.shape)
    features = {name: np.tanh(hidden @ maps[name]).astype(np.float32) for name in names}
    return Pairs.single(features, [f"concept {row % CONCEPTS}" for row in range(num_rows)])


def some_missing(pairs: Pairs, modality: str, every: int) -> Pairs:
    """The same pairs without a modality in every so manyth row."""
    rows = [None if row % every == 0 else view[None] for row, view in enumerate(pairs.of(modality).features)]
    return pairs.with_views(modality, Views.of(rows))
