"""What people see of a direction: the first hits of every query. Probabilities are fitted to it, and measured on it."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.retrieve.labelled import Matched
from commonspace.retrieve.logistic import Logistic, fit_logistic
from commonspace.retrieve.reliability import expected_calibration_error

__all__ = ["SHOWN", "Shown", "fit_to_shown", "shown"]

SHOWN = 10
LOOKED_AT = 30
"""What probabilities are fitted to: deeper than what is measured, for in a list of several modalities more competes."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """The first hits of all queries in one row: score, whether right, what the pair weighs, and of which query."""

    scores: NDArray[np.float32]
    relevant: NDArray[np.bool_]
    weights: NDArray[np.float64]
    queries: NDArray[np.int64]

    def error(self, logistic: Logistic, times: NDArray[np.integer] | None = None) -> float:
        """The expected calibration error of a logistic here; ``times`` is how often each query counts."""
        weights = self.weights if times is None else self.weights * times[self.queries]
        return expected_calibration_error(logistic.probability(self.scores), self.relevant, weights=weights)


def shown(pairs: Matched, prior: float, *, most: int = SHOWN) -> Shown:
    """The first ``most`` items of every query, weighted so that a share ``prior`` of *all* pairs is relevant.

    Raises:
        ValueError: there is no right pair, or no wrong one.
    """
    right, wrong = pairs.counted & pairs.relevant, pairs.counted & ~pairs.relevant
    if not right.any() or not wrong.any():
        raise ValueError("a right and a wrong pair are needed")
    weights = np.where(right, prior / right.sum(), (1.0 - prior) / wrong.sum())
    first = np.argsort(-np.where(pairs.counted, pairs.scores, -np.inf), axis=1, kind="stable")[:, :most]
    there = np.take_along_axis(pairs.counted, first, 1)
    return Shown(
        scores=np.take_along_axis(pairs.scores, first, 1)[there],
        relevant=np.take_along_axis(pairs.relevant, first, 1)[there],
        weights=np.asarray(np.take_along_axis(weights, first, 1)[there], np.float64),
        queries=np.nonzero(there)[0],
    )


def fit_to_shown(pairs: Matched, prior: float) -> Logistic:
    """The logistic of relevance among the first thirty hits of every query, if a share ``prior`` of all is relevant.

    What stands far down a list is irrelevant and says nothing of what people see; a fit to all of it errs at the top.

    Raises:
        ValueError: among the first hits is no right one, or no wrong one.
    """
    first = shown(pairs, prior, most=LOOKED_AT)
    share = float(first.weights[first.relevant].sum() / first.weights.sum())
    return fit_logistic(first.scores, first.relevant, prior=share)
