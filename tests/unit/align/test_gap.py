"""Measures of the space's shape against slow loops, and on shapes whose answer is known."""

from math import exp, log, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from commonspace.align.gap import effective_rank, k_occurrence, modality_gap, relative_modality_gap, skewness
from commonspace.core.errors import UsageError
from commonspace.core.vectors import unit

Matrix = NDArray[np.float32]


def rows(num: int, width: int, seed: int, lean: float = 0.0) -> Matrix:
    """Unit rows, ``lean`` of them towards the first axis."""
    drawn = np.random.default_rng(seed).standard_normal((num, width))
    drawn[:, 0] += lean
    return unit(drawn)


def cosine_distance(a: list[float], b: list[float]) -> float:
    return 1 - sum(one * other for one, other in zip(a, b, strict=True))


def slow_rmg(a: Matrix, b: Matrix) -> float:
    left, right, num = a.tolist(), b.tolist(), len(a)
    between = sum(cosine_distance(left[i], right[i]) for i in range(num)) / num
    within = 0.0
    for side in (left, right):
        for i in range(num):
            for j in range(num):
                if i != j:
                    within += cosine_distance(side[i], side[j])
    return between / (within / (2 * num * (num - 1)) + between)


def test_the_gap_is_the_distance_of_the_means() -> None:
    a, b = rows(7, 4, 0, lean=2.0), rows(5, 4, 1)
    means = [[sum(column) / len(side) for column in zip(*side.tolist(), strict=True)] for side in (a, b)]

    expected = sqrt(sum((one - other) ** 2 for one, other in zip(*means, strict=True)))

    assert modality_gap(a, b) == pytest.approx(expected, abs=1e-6)


def test_the_gap_of_opposite_points_is_two_and_of_one_side_with_itself_zero() -> None:
    a = np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (3, 1))

    assert modality_gap(a, -a) == 2.0
    assert modality_gap(a, a) == 0.0


def test_the_relative_gap_agrees_with_the_loop() -> None:
    a, b = rows(9, 4, 0, lean=2.0), rows(9, 4, 1)

    assert relative_modality_gap(a, b) == pytest.approx(slow_rmg(a, b), abs=1e-6)


def test_the_relative_gap_of_pairs_that_coincide_is_zero_and_of_two_points_one() -> None:
    a, point = rows(9, 4, 0), np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (3, 1))

    assert relative_modality_gap(a, a) == pytest.approx(0.0, abs=1e-6)
    assert relative_modality_gap(point, point[:, ::-1]) == pytest.approx(1.0)
    assert relative_modality_gap(point, point) == 0.0


def test_orthonormal_rows_use_every_dimension_and_a_collapsed_tower_one() -> None:
    assert effective_rank(np.eye(6)) == pytest.approx(6.0)
    assert effective_rank(rows(40, 8, 0, lean=1e6)) == pytest.approx(1.0, abs=1e-3)
    assert effective_rank(np.vstack([np.eye(6)] * 3)[:, :4]) == pytest.approx(4.0)


def test_the_effective_rank_is_the_exponential_of_an_entropy() -> None:
    """A diagonal matrix shows its singular values."""
    shares = [0.5, 0.3, 0.2]

    found = effective_rank(np.diag([5.0, 3.0, 2.0]))

    assert found == pytest.approx(exp(-sum(share * log(share) for share in shares)))


@pytest.mark.parametrize("k", [1, 3, 8])
def test_k_occurrences_agree_with_sorting(k: int) -> None:
    queries, items = rows(1500, 4, 0), rows(8, 4, 1)

    counts = [0] * 8
    for scores in (queries @ items.T).tolist():
        for item in sorted(range(8), key=lambda place, told=scores: -told[place])[:k]:
            counts[item] += 1
    found = k_occurrence(queries, items, k=k)

    assert found.tolist() == counts
    assert found.sum() == 1500 * k


def test_a_hub_skews_the_occurrences() -> None:
    queries, items = rows(300, 16, 0, lean=3.0), rows(200, 16, 1)
    hub = np.vstack([items, np.eye(16, dtype=np.float32)[:1]])

    assert k_occurrence(queries, hub, k=1)[-1] == k_occurrence(queries, hub, k=1).max()
    assert skewness(k_occurrence(queries, hub, k=1)) > skewness(k_occurrence(rows(300, 16, 2), items, k=1)) > 0


def test_the_skewness_is_the_third_standardised_moment() -> None:
    values = np.array([1, 1, 2, 9])
    mean = 13 / 4
    spread = sqrt(sum((value - mean) ** 2 for value in values.tolist()) / 4)

    expected = sum(((value - mean) / spread) ** 3 for value in values.tolist()) / 4

    assert skewness(values) == pytest.approx(expected)
    assert skewness(np.array([3, 1, 2])) == pytest.approx(0.0, abs=1e-12)
    assert skewness(np.array([4, 4, 4])) == 0.0


def test_what_cannot_be_measured_is_refused() -> None:
    a = rows(3, 4, 0)

    with pytest.raises(UsageError, match="vectors of one space"):
        modality_gap(a, rows(3, 5, 0))
    with pytest.raises(UsageError, match="vectors of one space"):
        modality_gap(a[:0], a)
    with pytest.raises(UsageError, match="no pairs"):
        relative_modality_gap(a, a[:2])
    with pytest.raises(UsageError, match="Ask for 1 to 3"):
        k_occurrence(a, a, k=4)
    with pytest.raises(UsageError, match="no rank"):
        effective_rank(np.zeros((2, 2)))
    with pytest.raises(UsageError, match="no values"):
        skewness(np.array([]))
