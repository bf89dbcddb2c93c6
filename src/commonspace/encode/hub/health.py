"""Whether a model's vectors are fit to search with: measured on vectors alone, whatever made them.

Broken checkpoints have gone unnoticed for years (a text tower whose texts all had a cosine of 0.9993 with each other),
because every score still looks like a score.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Finding", "Vitals", "across", "vitals_of", "warnings_of"]

Rows = NDArray[np.floating]

MOST_MEAN_COSINE: Final = 0.95
"""Unlike contents whose vectors agree more than this on average: the tower says nearly nothing."""
LEAST_DIRECTIONS: Final = 3.0
"""The effective rank of a dozen unlike contents, below which the tower tells hardly anything apart."""
LEAST_REPEATED_COSINE: Final = 0.9999
LEAST_BATCH_COSINE: Final = 0.9995
MOST_NORM_ERROR: Final = 1e-3
MOST_SPREAD_RATIO: Final = 4.0
MOST_NORM_RATIO: Final = 1.1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """One tower's figures over unlike contents.

    ``effective_rank`` is the exponential of the spectrum's entropy about the mean (Roy & Vetterli 2007) and
    ``participation_ratio`` its squared sum over its sum of squares: both from one to the lesser of contents - 1 and d.
    ``mean_cosine`` is between different contents. ``repeated_cosine`` is the least between two runs of the same
    content, ``batch_cosine`` the least between a content alone and in a batch. Norms are of the rows as they came.
    """

    num_contents: int
    effective_rank: float
    participation_ratio: float
    mean_cosine: float
    least_norm: float
    most_norm: float
    repeated_cosine: float
    batch_cosine: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong, by a code for programs and in words for people."""

    code: str
    message: str


def vitals_of(together: Rows, *, alone: Rows, again: Rows) -> Vitals:
    """The figures of one tower: the same contents (n x d, n at least two) in a batch, one by one, and once more.

    Raises:
        ValueError: the three differ in shape, or there are fewer than two rows.
    """
    if not (together.shape == alone.shape == again.shape) or len(together) < 2:
        raise ValueError(f"three runs of two or more contents, not {together.shape}, {alone.shape}, {again.shape}")
    norms = np.linalg.norm(together.astype(np.float64), axis=1)
    rows, alone, again = (_unit(np.nan_to_num(each, posinf=0.0, neginf=0.0)) for each in (together, alone, again))
    gram = rows @ rows.T
    spectrum = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False) ** 2
    return Vitals(
        num_contents=len(rows),
        effective_rank=_entropy_rank(spectrum),
        participation_ratio=float(spectrum.sum() ** 2 / max((spectrum**2).sum(), 1e-30)),
        mean_cosine=float(gram[~np.eye(len(rows), dtype=bool)].mean()),
        least_norm=float(norms.min()),
        most_norm=float(norms.max()),
        repeated_cosine=float((alone * again).sum(axis=1).min()),
        batch_cosine=float((alone * rows).sum(axis=1).min()),
    )


def warnings_of(name: str, vitals: Vitals) -> list[Finding]:
    """What is wrong with one tower, called ``name`` in the messages."""
    found = []
    if not np.isfinite([vitals.least_norm, vitals.most_norm]).all():
        return [Finding(code="not_finite", message=f"{name}: some vectors hold no numbers (NaN or infinity).")]
    if vitals.mean_cosine > MOST_MEAN_COSINE:
        text = f"{name}: unlike contents have a mean cosine of {vitals.mean_cosine:.4f}: the tower has collapsed."
        found.append(Finding(code="collapsed", message=text))
    elif vitals.effective_rank < min(LEAST_DIRECTIONS, vitals.num_contents - 1):
        text = f"{name}: {vitals.num_contents} unlike contents differ in {vitals.effective_rank:.1f} directions only."
        found.append(Finding(code="low_rank", message=text))
    if max(1 - vitals.least_norm, vitals.most_norm - 1) > MOST_NORM_ERROR:
        text = f"{name}: vectors are {vitals.least_norm:.3f} to {vitals.most_norm:.3f} long, not one."
        found.append(Finding(code="norm", message=text))
    if vitals.repeated_cosine < LEAST_REPEATED_COSINE:
        text = f"{name}: the same content twice has a cosine of {vitals.repeated_cosine:.4f} (a random crop?)."
        found.append(Finding(code="not_deterministic", message=text))
    elif vitals.batch_cosine < LEAST_BATCH_COSINE:
        text = f"{name}: a content alone and in a batch has a cosine of {vitals.batch_cosine:.4f}."
        found.append(Finding(code="batch_dependent", message=text))
    return found


def across(rows: Mapping[str, Rows]) -> list[Finding]:
    """Modalities whose vectors or scores are on another scale than the others' (``rows``: n x d each, as they came)."""
    found = []
    lengths = {name: float(np.linalg.norm(each, axis=1).mean()) for name, each in rows.items()}
    for name, length in lengths.items():
        others = [other for each, other in lengths.items() if each != name]
        if others and length > MOST_NORM_RATIO * max(others):
            text = f"{name}: vectors are {length:.2f} long, the others' at most {max(others):.2f}: it is unscaled."
            found.append(Finding(code="unscaled", message=text))
    spreads = {pair: float((rows[pair[0]] @ rows[pair[1]].T).std()) for pair in permutations(rows, 2)}
    for query in rows:
        told = sorted((spread, other) for (asked, other), spread in spreads.items() if asked == query)
        if len(told) > 1 and told[-1][0] > MOST_SPREAD_RATIO * max(told[0][0], 1e-9):
            text = (
                f"{query}->{told[-1][1]} scores spread {told[-1][0] / max(told[0][0], 1e-9):.1f} times as far as "
                f"{query}->{told[0][1]} scores: calibrate before ranking both in one list."
            )
            found.append(Finding(code="score_range", message=text))
    return found


def _unit(rows: Rows) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    unit: NDArray[np.float64] = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return unit


def _entropy_rank(spectrum: NDArray[np.float64]) -> float:
    shares = spectrum / max(spectrum.sum(), 1e-30)
    shares = shares[shares > 1e-12]
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 1.0
