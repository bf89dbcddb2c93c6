"""FuseMix: new pairs between known ones, by mixing two rows with the same factor in every modality.

Vouitsis et al., 2024 (arXiv 2312.10144): ``x = f x_i + (1 - f) x_j`` and ``y = f y_i + (1 - f) y_j`` with one factor f
drawn from Beta(a, a) a batch, on frozen features, before the heads. A mixed row keeps the concept of its first part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from commonspace.align.sampling import Batch

__all__ = ["Mixing", "mixed"]

STREAM = 4
FIRST_HALF = 0.5


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mixing:
    """The Beta distribution's one parameter (1 is uniform) and the share of steps that are mixed (0 is off)."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    beta: Annotated[float, Field(gt=0)] = 1.0
    share: Annotated[float, Field(ge=0, le=1)] = 0.0


def mixed(batch: Batch, mixing: Mixing, *, seed: int, step: int) -> Batch:
    """The batch with every row mixed with another that has the same modalities, if this step's lot says so.

    Views that are not floats (pixels, tokens) cannot be mixed: a batch that holds any stays as it is.
    """
    dice = np.random.default_rng((seed, STREAM, step))
    floats = all(np.issubdtype(held.dtype, np.floating) for held in batch.features.values())
    if dice.random() >= mixing.share or not floats:
        return batch
    factor = float(dice.beta(mixing.beta, mixing.beta))
    factor = max(factor, 1 - factor)  # the row keeps its concept, so it stays the greater part
    partner = _partners(batch, dice)
    features = {name: _mixed(batch, name, partner, factor) for name in batch.features}
    return replace(batch, features=features)


def _partners(batch: Batch, dice: np.random.Generator) -> NDArray[np.int64]:
    """For each row of the batch another one of the same kind: a shuffle within each set of modalities."""
    partner = np.arange(len(batch.rows))
    for rows in _kinds(batch.places, len(batch.rows)):
        partner[rows] = dice.permutation(rows)
    return partner


def _kinds(places: Mapping[str, NDArray[np.int64]], num_rows: int) -> list[NDArray[np.int64]]:
    present = np.zeros((num_rows, len(places)), dtype=np.bool_)
    for column, held in enumerate(places.values()):
        present[held, column] = True
    kind = np.unique(present, axis=0, return_inverse=True)[1].reshape(-1)
    return [np.flatnonzero(kind == number) for number in range(int(kind.max()) + 1)]


def _mixed(batch: Batch, name: str, partner: NDArray[np.int64], factor: float) -> NDArray[Any]:
    places, held = batch.places[name], batch.features[name]
    other = held[np.searchsorted(places, partner[places])]
    return np.asarray(factor * held.astype(np.float32) + (1 - factor) * other.astype(np.float32))
