"""What people see of a direction, and the fit to it."""

import numpy as np
import pytest

from commonspace.retrieve.labelled import Matched
from commonspace.retrieve.shown import fit_to_shown, shown


def pairs(num_queries: int = 60, num_items: int = 80, seed: int = 0) -> Matched:
    """Right items score 0.6 on average, wrong ones 0.3; each query's last item does not count."""
    random = np.random.default_rng(seed)
    relevant = random.uniform(size=(num_queries, num_items)) < 0.05
    relevant[:, 0] = True
    scores = np.where(relevant, 0.6, 0.3) + 0.12 * random.standard_normal(relevant.shape)
    counted = np.ones_like(relevant)
    counted[:, -1] = False
    return Matched(scores=scores.astype(np.float32), relevant=relevant, counted=counted)


def test_the_first_hits_are_the_best_that_count() -> None:
    all_pairs = pairs()

    first = shown(all_pairs, 0.02, most=5)

    scores = np.where(all_pairs.counted, all_pairs.scores, -np.inf)
    assert first.scores.reshape(60, 5).tolist() == (-np.sort(-scores, axis=1)[:, :5]).tolist()
    assert np.bincount(first.queries).tolist() == [5] * 60


def test_all_pairs_together_weigh_as_the_prior_says() -> None:
    everything = shown(pairs(), 0.02, most=80)

    assert everything.weights[everything.relevant].sum() == pytest.approx(0.02)
    assert everything.weights.sum() == pytest.approx(1.0)


def test_what_is_fitted_to_some_queries_is_so_for_others() -> None:
    fitted = fit_to_shown(pairs(400), 0.05)

    assert fitted.slope > 0
    assert shown(pairs(400, seed=1), 0.05).error(fitted) < 0.05


def test_a_query_counts_as_often_as_it_was_drawn() -> None:
    first, fitted = shown(pairs(), 0.05), fit_to_shown(pairs(), 0.05)
    once = np.zeros(60, np.int64)
    once[:2] = 1

    assert first.error(fitted, np.ones(60, np.int64)) == pytest.approx(first.error(fitted))
    assert first.error(fitted, once) == pytest.approx(first.error(fitted, 3 * once))


def test_only_right_pairs_say_nothing() -> None:
    right = np.ones((2, 3), np.bool_)

    with pytest.raises(ValueError, match="a right and a wrong"):
        shown(Matched(scores=np.zeros((2, 3), np.float32), relevant=right, counted=right), 0.02)
