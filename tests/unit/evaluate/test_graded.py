"""nDCG against a loop typed from its definition; ties count against the system."""

import math

import numpy as np
import pytest

from commonspace.evaluate.graded import ndcg_at


def slow_ndcg(scores: list[float], relevant: list[bool], k: int) -> float:
    """DCG over ideal DCG; of equal scores the irrelevant stands first, and minus infinity is not in the list."""
    held = [(score, good) for score, good in zip(scores, relevant, strict=True) if score > -math.inf]
    ordered = sorted(held, key=lambda each: (-each[0], each[1]))
    gained = sum(1 / math.log2(rank + 1) for rank, (_, good) in enumerate(ordered[:k], start=1) if good)
    num_right = sum(good for _, good in held)
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, min(num_right, k) + 1))


@pytest.mark.parametrize("k", [1, 3, 10, 99])
def test_it_is_that_of_a_loop(k: int) -> None:
    random = np.random.default_rng(0)
    scores = random.integers(0, 6, (40, 12)) / 6
    scores[random.uniform(size=scores.shape) < 0.1] = -np.inf
    relevant = random.uniform(size=scores.shape) < 0.3
    relevant[:, 0], scores[:, 0] = True, 0.5

    expected = [slow_ndcg(row.tolist(), good.tolist(), k) for row, good in zip(scores, relevant, strict=True)]

    np.testing.assert_allclose(ndcg_at(scores, relevant, k), expected)


def test_one_score_for_everything_is_the_worst_order() -> None:
    relevant = np.array([[True, False, False]])

    assert ndcg_at(np.zeros((1, 3)), relevant, 3)[0] == pytest.approx(1 / math.log2(4))
    assert ndcg_at(np.array([[1.0, 0.0, 0.0]]), relevant, 3)[0] == 1.0


@pytest.mark.parametrize(
    ("scores", "relevant", "k"),
    [
        (np.zeros((1, 2)), np.zeros((1, 3), bool), 1),
        (np.zeros((1, 2)), np.ones((1, 2), bool), 0),
        (np.full((1, 2), np.nan), np.ones((1, 2), bool), 1),
        (np.zeros((1, 2)), np.zeros((1, 2), bool), 1),
        (np.full((1, 2), -np.inf), np.ones((1, 2), bool), 1),
    ],
)
def test_what_has_no_answer_is_refused(scores: np.ndarray, relevant: np.ndarray, k: int) -> None:
    with pytest.raises(ValueError, match=r"need two alike|no relevant item"):
        ndcg_at(scores, relevant, k)
