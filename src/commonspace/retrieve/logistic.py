"""A score becomes a probability: logistic regression of relevance on one number (Platt 1999)."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Logistic", "fit_logistic"]

MAX_STEPS = 100
MAX_HALVINGS = 40
GRADIENT_ENOUGH = 1e-10


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """``p = 1 / (1 + exp(-(slope * score + intercept)))``; the slope is never negative, so order is kept."""

    slope: float
    intercept: float

    def probability(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """The probability for each score, in the scores' own shape."""
        return _expit(self.slope * np.asarray(scores, np.float64) + self.intercept)

    def score(self, probability: float) -> float:
        """The score that has this probability; infinite where the slope is zero."""
        odds = np.log(probability) - np.log1p(-probability)
        return float((odds - self.intercept) / self.slope) if self.slope else float("inf")


def fit_logistic(scores: NDArray[np.floating], relevant: NDArray[np.bool_], *, prior: float) -> Logistic:
    """Fit by Newton's method, as if a share ``prior`` of all pairs were relevant.

    Positives and negatives are weighted to that share, so fits of different directions say probabilities of the same
    collection. Targets are Platt's, (n+ + 1) / (n+ + 2) and 1 / (n- + 2), so the fit is finite even where the classes
    separate. Where relevance does not rise with the score the answer is the constant ``prior``. Cost O(n) a step.

    Raises:
        ValueError: there is no positive or no negative, a score is not finite, or ``prior`` is not within 0 to 1.
    """
    values, labels = np.ravel(scores).astype(np.float64), np.ravel(relevant)
    num_positive, num_negative = int(labels.sum()), int((~labels).sum())
    if not num_positive or not num_negative or not np.isfinite(values).all() or not 0.0 < prior < 1.0:
        raise ValueError(
            f"{num_positive} relevant and {num_negative} irrelevant pairs, prior {prior}: "
            "need one of each, finite scores and a prior between 0 and 1."
        )
    weights = np.where(labels, prior / num_positive, (1.0 - prior) / num_negative)
    targets = np.where(labels, (num_positive + 1) / (num_positive + 2), 1 / (num_negative + 2))
    middle = float(np.sum(weights * values))
    spread = float(np.sqrt(np.sum(weights * (values - middle) ** 2))) or 1.0
    slope, intercept = _newton((values - middle) / spread, targets, weights)
    if slope <= 0.0:
        return Logistic(slope=0.0, intercept=float(np.log(prior) - np.log1p(-prior)))
    return Logistic(slope=slope / spread, intercept=intercept - slope * middle / spread)


def _newton(
    values: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """The slope and intercept of least weighted cross-entropy; steps are halved until they descend."""
    design = np.stack([values, np.ones_like(values)])
    share = float(np.sum(weights * targets))
    theta = np.array([0.0, np.log(share) - np.log1p(-share)])
    loss = _loss(theta @ design, targets, weights)
    for _ in range(MAX_STEPS):
        said = _expit(theta @ design)
        gradient = design @ (weights * (said - targets))
        if np.abs(gradient).max() < GRADIENT_ENOUGH:
            break
        curvature = (design * (weights * said * (1.0 - said))) @ design.T
        step = np.linalg.solve(curvature + 1e-15 * np.eye(2), gradient)
        halvings = 0
        while (ahead := _loss((theta - step) @ design, targets, weights)) > loss and halvings < MAX_HALVINGS:
            step, halvings = step / 2.0, halvings + 1
        if ahead > loss:
            break
        theta, loss = theta - step, ahead
    return float(theta[0]), float(theta[1])


def _loss(logits: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Weighted cross-entropy, log(1 + e^x) - t x, without overflow."""
    return float(np.sum(weights * (np.logaddexp(0.0, logits) - targets * logits)))


def _expit(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1.0, small) / (1.0 + small), np.float64)
