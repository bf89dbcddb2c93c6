"""How modalities lie in the shared space: their gap, how many dimensions they use, and their hubs.

NumPy; rows are unit vectors (n x d). None of these is a goal by itself: a gap of zero does not retrieve better
(Schrodi et al. 2025, arXiv 2404.07983), but a collapsed tower or a hub shows here first.
"""

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import UsageError

__all__ = ["effective_rank", "k_occurrence", "modality_gap", "relative_modality_gap", "skewness"]

Rows = NDArray[np.floating]
QUERIES_AT_ONCE = 1024


def modality_gap(a: Rows, b: Rows) -> float:
    """The distance between the two modalities' mean vectors (Liang et al. 2022, arXiv 2203.02053); zero to two.

    The rows need not pair up, nor be as many.

    Raises:
        UsageError: a side has no rows, or the dimensions differ.
    """
    if not len(a) or not len(b) or a.shape[1:] != b.shape[1:]:
        raise UsageError(f"There is no gap between {a.shape} and {b.shape}.", fix="Give vectors of one space.")
    return float(np.linalg.norm(a.mean(axis=0, dtype=np.float64) - b.mean(axis=0, dtype=np.float64)))


def relative_modality_gap(a: Rows, b: Rows) -> float:
    """RMG (Schrodi et al. 2025, arXiv 2404.07983): how far pairs lie apart, against how far a modality spreads.

    With d(x, y) one minus their cosine, and rows paired ::

        mean_i d(a_i, b_i) / (1/2 (mean_{i != j} d(a_i, a_j) + mean_{i != j} d(b_i, b_j)) + mean_i d(a_i, b_i))

    Between zero (pairs coincide) and one (each modality is a point, and the points differ); zero where all rows are
    one. O(n d): the means come from sums of rows.

    Raises:
        UsageError: the sides do not pair up, or there are fewer than two pairs.
    """
    if a.shape != b.shape or a.ndim != 2 or len(a) < 2:
        raise UsageError(f"Vectors of shape {a.shape} and {b.shape} are no pairs.", fix="Give two pairs or more.")
    between = float(1 - (a.astype(np.float64) * b).sum(axis=1).mean())
    within = (_spread(a) + _spread(b)) / 2
    return between / (within + between) if within + between > 0 else 0.0


def effective_rank(rows: Rows) -> float:
    """How many dimensions the rows use (Roy and Vetterli 2007): the exponential of the entropy of singular values.

    ``exp(-sum_k p_k log p_k)`` with p the singular values over their sum; from one (all rows on a line) to the smaller
    of n and d. Rows are not centred, so a tower that gives everything nearly one vector shows as nearly one.

    Raises:
        UsageError: there is no row, or all are zero.
    """
    values = np.linalg.svd(rows.astype(np.float64), compute_uv=False) if rows.size else np.zeros(1)
    if values.sum() == 0:
        raise UsageError("Rows of nothing have no rank.", fix="Give vectors.")
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def k_occurrence(queries: Rows, items: Rows, *, k: int) -> NDArray[np.int64]:
    """How often each item is among the k nearest of a query, by dot product (Radovanovic et al. 2010): m counts.

    They sum to k times the number of queries. Among items of equal score the first ones count. O(n m d), in pieces.

    Raises:
        UsageError: k is not 1 to the number of items.
    """
    if not 1 <= k <= len(items):
        raise UsageError(f"There is no {k}-occurrence of {len(items)} items.", fix=f"Ask for 1 to {len(items)}.")
    counts = np.zeros(len(items), dtype=np.int64)
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        scores = queries[start : start + QUERIES_AT_ONCE] @ items.T
        nearest = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        counts += np.bincount(nearest.ravel(), minlength=len(items))
    return counts


def skewness(values: NDArray[np.integer] | Rows) -> float:
    """The third standardised moment, ``mean((v - mean)^3) / spread^3``: of k-occurrences, the measure of hubness.

    Zero where they are symmetric or all equal; above one or so a few items crowd out the rest.

    Raises:
        UsageError: there are no values.
    """
    if not len(values):
        raise UsageError("There are no values.", fix="Count occurrences first.")
    centred = values.astype(np.float64) - values.mean()
    spread = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean() / spread**3) if spread > 0 else 0.0


def _spread(rows: Rows) -> float:
    """The mean of one minus the cosine over ordered pairs of different rows."""
    exact = rows.astype(np.float64)
    total = float((exact.sum(axis=0) ** 2).sum() - (exact**2).sum())
    return 1 - total / (len(rows) * (len(rows) - 1))
