"""What every query finds says little: an item's bias, from its likeness to a bank of typical queries.

Taken off an item's scores (``q.d - b``) it makes room for items that only some queries find. Three estimators:
nearest-neighbour normalisation (NNN, Chowdhury et al. 2024): strength times the mean of the ``k`` highest likenesses
to the bank; inverted softmax (Smith et al. 2017; QB-Norm, Bogolyubov et al. 2022): the log of the mean of
exp(sharpness times likeness), over the sharpness, times the strength; query-mean centring: strength times the mean of
all likenesses, which puts the mean query at zero, for each tower by itself.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.vectors import Vectors

__all__ = ["Bank", "Estimator"]

BLOCK_ROWS = 512
STEP = 1e-6


class Estimator(StrEnum):
    """How likenesses to the bank become one number."""

    NEAREST = "nearest"
    SOFTMAX = "softmax"
    MEAN = "mean"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bank:
    """Query vectors (m x d, unit rows) and how an item's bias is estimated from them.

    ``strength`` is 0 to 1. ``k`` is for nearest (at most m), ``sharpness`` (above zero) for softmax.
    """

    vectors: Vectors
    estimator: Estimator
    strength: float
    k: int = 128
    sharpness: float = 20.0

    def __post_init__(self) -> None:
        fine = 0.0 <= self.strength <= 1.0 and self.k >= 1 and self.sharpness > 0.0
        if not fine or self.vectors.ndim != 2 or not len(self.vectors):
            raise ValueError(
                f"strength {self.strength}, k {self.k}, sharpness {self.sharpness}, {self.vectors.shape}: "
                "need 0 to 1, one or more, above zero, and a matrix of one row or more."
            )

    def bias(self, items: Vectors) -> NDArray[np.float32]:
        """Each item's bias (n), within -1 to 1. Cost O(n m d).

        Items go through in blocks of one size and biases are rounded to a millionth, so that an item's bias is the
        same in any company.
        """
        biases = np.empty(len(items), np.float32)
        block = np.zeros((BLOCK_ROWS, items.shape[1]), np.float32)
        for start in range(0, len(items), BLOCK_ROWS):
            rows = items[start : start + BLOCK_ROWS]
            block[: len(rows)] = rows
            biases[start : start + len(rows)] = self._estimated(block @ self.vectors.T)[: len(rows)]
        return biases

    def _estimated(self, likenesses: NDArray[np.float32]) -> NDArray[np.float64]:
        if self.estimator is Estimator.MEAN:
            means = likenesses.mean(axis=1, dtype=np.float64)
        elif self.estimator is Estimator.NEAREST:
            num = min(self.k, likenesses.shape[1])
            highest = np.partition(likenesses, -num, axis=1)[:, -num:]
            means = np.sort(highest, axis=1).mean(axis=1, dtype=np.float64)
        else:
            scaled = self.sharpness * likenesses.astype(np.float64)
            peak = scaled.max(axis=1, keepdims=True)
            means = (np.log(np.exp(scaled - peak).mean(axis=1)) + peak[:, 0]) / self.sharpness
        return np.asarray(np.round(self.strength * means / STEP) * STEP, np.float64)
