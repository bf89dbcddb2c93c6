"""Do probabilities mean what they say? Expected calibration error, over pairs that may weigh differently."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["expected_calibration_error"]


def expected_calibration_error(
    probabilities: NDArray[np.floating],
    relevant: NDArray[np.bool_],
    *,
    weights: NDArray[np.floating] | None = None,
    num_bins: int = 10,
) -> float:
    """The mean distance between what was said and what was so, over bins of equal width (Guo et al. 2017, eq. 3).

    Lower is better, zero is perfect. A bin's share of the total weight is its say; empty bins have none. The last bin
    holds 1.

    Raises:
        ValueError: nothing to measure, shapes that differ, or a probability outside 0 to 1.
    """
    said, so = np.asarray(probabilities, np.float64), np.asarray(relevant, np.float64)
    share = np.ones_like(said) if weights is None else np.asarray(weights, np.float64)
    if said.shape != so.shape or said.shape != share.shape or said.ndim != 1 or not len(said) or share.sum() <= 0:
        raise ValueError(f"{said.shape} probabilities, {so.shape} labels, {share.shape} weights: need as many of each.")
    if not ((said >= 0) & (said <= 1)).all():
        raise ValueError("A probability lies outside 0 to 1.")
    bins = np.minimum((said * num_bins).astype(int), num_bins - 1)
    gaps = np.bincount(bins, weights=share * (said - so), minlength=num_bins)
    return float(np.abs(gaps).sum() / share.sum())
