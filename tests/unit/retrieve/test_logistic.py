"""A score becomes a probability: Platt's fit against a slow one, and its closed-form cases."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from commonspace.retrieve.logistic import Logistic, fit_logistic


def drawn(seed: int, count: int = 400) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores whose log odds of relevance are 8 * score - 3."""
    random = np.random.default_rng(seed)
    scores = random.uniform(-1, 1, count)
    return scores, random.uniform(size=count) < 1 / (1 + np.exp(3 - 8 * scores))


def slow_loss(slope: float, intercept: float, scores: list[float], labels: list[bool], prior: float) -> float:
    """Weighted cross-entropy against Platt's targets, typed from his paper, one pair at a time."""
    positive, negative = sum(labels), len(labels) - sum(labels)
    total = 0.0
    for score, label in zip(scores, labels, strict=True):
        target = (positive + 1) / (positive + 2) if label else 1 / (negative + 2)
        weight = prior / positive if label else (1 - prior) / negative
        said = 1 / (1 + math.exp(-(slope * score + intercept)))
        total -= weight * (target * math.log(said) + (1 - target) * math.log(1 - said))
    return total


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("prior", [0.02, 0.5])
def test_no_other_slope_or_intercept_has_less_loss(seed: int, prior: float) -> None:
    scores, labels = drawn(seed)

    fitted = fit_logistic(scores, labels, prior=prior)

    values, truth = scores.tolist(), labels.tolist()
    least = slow_loss(fitted.slope, fitted.intercept, values, truth, prior)
    for step in (1e-3, 0.1, 1.0):
        for change in ((step, 0), (-step, 0), (0, step), (0, -step), (step, step), (-step, step)):
            other = slow_loss(fitted.slope + change[0], fitted.intercept + change[1], values, truth, prior)
            assert other > least


def test_the_odds_that_made_the_labels_are_found_again() -> None:
    scores, labels = drawn(0, 50_000)

    fitted = fit_logistic(scores, labels, prior=float(labels.mean()))

    assert fitted.slope == pytest.approx(8, rel=0.05)
    assert fitted.intercept == pytest.approx(-3, rel=0.1)


def test_the_prior_is_the_mean_probability_of_a_collection_like_that() -> None:
    scores, labels = drawn(1, 20_000)

    fitted = fit_logistic(scores, labels, prior=0.1)

    said = fitted.probability(scores)
    assert 0.1 * said[labels].mean() + 0.9 * said[~labels].mean() == pytest.approx(0.1, abs=1e-3)


def test_scores_that_separate_still_have_a_finite_fit() -> None:
    fitted = fit_logistic(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]), prior=0.5)

    assert math.isfinite(fitted.slope)
    assert fitted.probability(np.array([0.9]))[0] < 1.0


def test_scores_that_say_nothing_or_the_opposite_give_the_prior_everywhere() -> None:
    fitted = fit_logistic(np.array([0.9, 0.8, 0.1, 0.2]), np.array([False, False, True, True]), prior=0.25)

    assert fitted.slope == 0.0
    np.testing.assert_allclose(fitted.probability(np.array([-5.0, 0.0, 5.0])), 0.25)


def test_a_score_and_its_probability_are_each_others() -> None:
    logistic = Logistic(slope=12.0, intercept=-7.0)

    assert logistic.score(float(logistic.probability(np.array([0.4]))[0])) == pytest.approx(0.4)


def test_extreme_scores_do_not_overflow() -> None:
    said = Logistic(slope=1e4, intercept=0.0).probability(np.array([-1.0, 1.0]))

    np.testing.assert_array_equal(said, [0.0, 1.0])


@pytest.mark.parametrize(
    ("scores", "labels", "prior"),
    [([0.1, 0.2], [True, True], 0.5), ([0.1, float("nan")], [True, False], 0.5), ([0.1, 0.2], [True, False], 1.0)],
)
def test_what_cannot_be_fitted_is_refused(scores: list[float], labels: list[bool], prior: float) -> None:
    with pytest.raises(ValueError, match="need one of each"):
        fit_logistic(np.array(scores), np.array(labels), prior=prior)
