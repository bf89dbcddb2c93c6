"""Every measure against a slow loop typed from its definition."""

from itertools import permutations
from statistics import median

import numpy as np
import pytest
from numpy.typing import NDArray

from commonspace.evaluate.metrics import best_ranks, bootstrap_interval, chance_recall, median_rank, recall_at


def slow_rank(scores: list[float], relevant: list[bool]) -> int:
    """Sort by score, irrelevant first among equals; the position of the first relevant item."""
    order = sorted(range(len(scores)), key=lambda item: (-scores[item], relevant[item]))
    return 1 + next(position for position, item in enumerate(order) if relevant[item])


def cases() -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    generator = np.random.default_rng(0)
    made = []
    for _ in range(50):
        queries, items = generator.integers(1, 8), generator.integers(1, 12)
        scores = generator.integers(0, 5, (queries, items)).astype(np.float64)  # few values: many ties
        relevant = generator.random((queries, items)) < 0.3
        relevant[np.arange(queries), generator.integers(0, items, queries)] = True
        made.append((scores, relevant))
    return made


def test_best_ranks_agrees_with_sorting() -> None:
    for scores, relevant in cases():
        expected = [slow_rank(row.tolist(), marks.tolist()) for row, marks in zip(scores, relevant, strict=True)]

        assert best_ranks(scores, relevant).tolist() == expected


def test_one_score_for_everything_is_the_worst_rank() -> None:
    relevant = np.array([[False, True, False, False]])

    assert best_ranks(np.zeros((1, 4)), relevant).tolist() == [4]


def test_another_relevant_item_with_the_same_score_costs_nothing() -> None:
    assert best_ranks(np.ones((1, 3)), np.array([[True, True, True]])).tolist() == [1]


def test_a_query_without_a_relevant_item_is_named() -> None:
    with pytest.raises(ValueError, match="Query 1"):
        best_ranks(np.zeros((2, 2)), np.array([[True, False], [False, False]]))


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        best_ranks(np.array([[np.nan, 1.0]]), np.array([[True, False]]))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="queries x items"):
        best_ranks(np.zeros((2, 3)), np.zeros((2, 2), dtype=bool))


def test_recall_counts_the_ranks_within_k() -> None:
    ranks = np.array([1, 2, 5, 6, 11])

    for k in range(1, 13):
        assert recall_at(ranks, k) == sum(rank <= k for rank in ranks.tolist()) / 5


def test_recall_needs_a_k_and_a_rank() -> None:
    with pytest.raises(ValueError, match="at least one"):
        recall_at(np.array([1]), 0)
    with pytest.raises(ValueError, match="at least one"):
        recall_at(np.array([], dtype=np.int64), 1)


def test_the_median_rank_is_the_middle_one() -> None:
    generator = np.random.default_rng(1)
    for size in range(1, 9):
        ranks = generator.integers(1, 20, size)

        assert median_rank(ranks) == median(ranks.tolist())
    with pytest.raises(ValueError, match="no ranks"):
        median_rank(np.array([], dtype=np.int64))


@pytest.mark.parametrize("num_items", [1, 2, 5])
def test_chance_agrees_with_every_order_there_is(num_items: int) -> None:
    """Among all orders of the items, the share in which one of the first k is relevant."""
    orders = list(permutations(range(num_items)))
    for num_relevant in range(1, num_items + 1):
        for k in range(1, num_items + 2):
            hits = sum(any(item < num_relevant for item in order[:k]) for order in orders)

            assert chance_recall(num_items, np.array([num_relevant]), k) == pytest.approx(hits / len(orders))


def test_chance_is_averaged_over_queries() -> None:
    assert chance_recall(10, np.array([1, 5]), 1) == pytest.approx((0.1 + 0.5) / 2)


def test_chance_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="1 to 3"):
        chance_recall(3, np.array([4]), 1)
    with pytest.raises(ValueError, match="at least one"):
        chance_recall(3, np.array([1]), 0)


def test_the_interval_agrees_with_a_loop_over_the_same_draws() -> None:
    values = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    drawn = np.random.default_rng(3).integers(0, 5, (400, 5))
    means = sorted(sum(values[one] for one in row) / 5 for row in drawn)

    interval = bootstrap_interval(values, seed=3, num_resamples=400)

    assert means[0] <= interval.low <= 0.6 <= interval.high <= means[-1]
    assert interval.low == pytest.approx(np.quantile(means, 0.025))
    assert interval.high == pytest.approx(np.quantile(means, 0.975))


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(4).random(40)

    assert bootstrap_interval(values, seed=7) == bootstrap_interval(values, seed=7)
    assert bootstrap_interval(values, seed=7) != bootstrap_interval(values, seed=8)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for seed in range(200):
        interval = bootstrap_interval((generator.random(60) < 0.4).astype(np.float64), seed=seed, num_resamples=300)
        covered += interval.low <= 0.4 <= interval.high

    assert 0.88 <= covered / 200 <= 0.99


def test_the_interval_needs_values_and_a_confidence() -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        bootstrap_interval(np.array([]), seed=0)
    with pytest.raises(ValueError, match="0 to 1"):
        bootstrap_interval(np.array([1.0]), seed=0, confidence=1.0)
