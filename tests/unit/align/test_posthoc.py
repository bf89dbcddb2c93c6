"""Closed forms find what was planted, and agree with slow, independent ways to the same answer."""

import numpy as np
import pytest
from numpy.typing import NDArray

from commonspace.align.posthoc import cca, procrustes, ridge
from commonspace.core.errors import UsageError
from commonspace.core.vectors import unit

Matrix = NDArray[np.float64]


def drawn(num: int, width: int, seed: int) -> Matrix:
    return np.random.default_rng(seed).standard_normal((num, width))


def rotation(size: int, seed: int) -> Matrix:
    return np.linalg.qr(drawn(size, size, seed))[0]


def related(num: int, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Three and four noisy readings of two hidden numbers."""
    hidden = drawn(num, 2, seed)
    x = hidden @ drawn(2, 3, seed + 1) + 0.5 * drawn(num, 3, seed + 2)
    return x, hidden @ drawn(2, 4, seed + 3) + 0.5 * drawn(num, 4, seed + 4) + 1.0


def correlation(a: Matrix, b: Matrix) -> float:
    """Pearson's, typed out."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def test_procrustes_recovers_a_planted_rotation_scale_and_shift() -> None:
    x, turn, shift = drawn(30, 5, 0), rotation(5, 1), drawn(1, 5, 2)
    y = 2.5 * x @ turn + shift

    found = procrustes(x, y)

    np.testing.assert_allclose(found.x_map.weight, 2.5 * turn, atol=1e-10)
    np.testing.assert_allclose(found.x_map.offset, shift[0], atol=1e-10)
    np.testing.assert_allclose(found.x(x), unit(y), atol=1e-6)
    np.testing.assert_allclose(found.y(y), unit(y), atol=1e-6)


def test_procrustes_keeps_angles_within_the_pairs_even_when_they_do_not_fit() -> None:
    x, y = related(40)
    weight = procrustes(x, y).x_map.weight

    gram = weight @ weight.T

    np.testing.assert_allclose(gram, gram[0, 0] * np.eye(3), atol=1e-10)


def test_no_other_rotation_is_nearer_than_procrustes() -> None:
    x, y = drawn(40, 3, 0), drawn(40, 3, 1)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    found = procrustes(x, y).x_map.weight

    best = ((x @ found - y) ** 2).sum()

    for seed in range(200):
        for scale in (0.5, 1.0, 2.0):
            assert ((x @ rotation(3, seed) * scale * np.sqrt((found**2).sum() / 3) - y) ** 2).sum() >= best


@pytest.mark.parametrize("strength", [0.0, 0.3, 10.0])
def test_ridge_satisfies_its_normal_equations(strength: float) -> None:
    x, y = related(50)

    found = ridge(x, y, strength=strength)

    rows, targets = x - x.mean(axis=0), y - y.mean(axis=0)
    penalty = strength * np.trace(rows.T @ rows) / 3
    np.testing.assert_allclose((rows.T @ rows + penalty * np.eye(3)) @ found.x_map.weight, rows.T @ targets, atol=1e-9)
    np.testing.assert_allclose(found.x_map(x.mean(axis=0, keepdims=True))[0], y.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.y(y), unit(y), atol=1e-6)


def test_ridge_without_a_penalty_is_least_squares() -> None:
    x, y = related(50)
    with_ones = np.hstack([x, np.ones((50, 1))])

    found = ridge(x, y, strength=0.0)

    expected = np.linalg.lstsq(with_ones, y, rcond=None)[0]
    np.testing.assert_allclose(found.x_map.weight, expected[:3], atol=1e-10)
    np.testing.assert_allclose(found.x_map.offset, expected[3], atol=1e-10)


def test_a_ridge_penalty_means_the_same_at_every_scale() -> None:
    x, y = related(50)

    np.testing.assert_allclose(ridge(x, y, strength=0.5).x(x), ridge(1000 * x, y, strength=0.5).x(1000 * x), atol=1e-6)


def test_a_ridge_penalty_makes_do_with_fewer_pairs_than_features() -> None:
    x, y = drawn(5, 20, 0), drawn(5, 3, 1)

    assert ridge(x, y, strength=0.1).x(x).shape == (5, 3)
    with pytest.raises(UsageError, match="does not vary"):
        ridge(x, y, strength=0.0)


def slow_correlations(x: Matrix, y: Matrix) -> list[float]:
    """Alternating least squares: each side's best prediction of the other, then the same in what is left.

    Power iteration on the textbook's eigenproblem, which knows no square root of a matrix and no decomposition.
    """
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    found: list[float] = []
    used: list[Matrix] = []
    for seed in range(min(x.shape[1], y.shape[1])):
        a = drawn(x.shape[1], 1, 100 + seed)
        for _ in range(300):
            b = np.linalg.lstsq(y, x @ a, rcond=None)[0]
            a = np.linalg.lstsq(x, y @ b, rcond=None)[0]
            variate = x @ a
            for other in used:
                variate = variate - other * (other * variate).sum() / (other * other).sum()
            a = np.linalg.lstsq(x, variate, rcond=None)[0]
            a /= np.linalg.norm(x @ a)
        used.append(x @ a)
        found.append(abs(correlation(x @ a, y @ np.linalg.lstsq(y, x @ a, rcond=None)[0])))
    return found


def test_cca_finds_the_canonical_correlations() -> None:
    x, y = related(80)

    found = cca(x, y, dimension=3, strength=0.0)

    np.testing.assert_allclose(found.correlations, slow_correlations(x, y), atol=1e-6)
    for k in range(3):
        variates = found.x_map(x)[:, k], found.y_map(y)[:, k]
        assert correlation(*variates) == pytest.approx(found.correlations[k], abs=1e-9)
        assert variates[0].std() == pytest.approx(1.0)


def test_canonical_variates_of_one_side_do_not_correlate() -> None:
    x, y = related(80)
    found = cca(x, y, dimension=3, strength=0.0)

    np.testing.assert_allclose(np.cov(found.x_map(x).T, bias=True), np.eye(3), atol=1e-9)
    np.testing.assert_allclose(np.cov(found.y_map(y).T, bias=True), np.eye(3), atol=1e-9)


def test_cca_sees_through_any_change_of_basis() -> None:
    x = drawn(60, 3, 0)

    found = cca(x, 5 * x @ drawn(3, 3, 1) - 2, dimension=2, strength=0.0)

    np.testing.assert_allclose(found.correlations, [1.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(found.x(x), found.y(5 * x @ drawn(3, 3, 1) - 2), atol=1e-6)


def test_csa_weighs_each_variate_by_its_correlation() -> None:
    x, y = related(80)
    found = cca(x, y, dimension=3, strength=0.1)

    scores = found.similarity(x[:4], y[:5])

    for i, a in enumerate(found.x_map(x[:4]).tolist()):
        for j, b in enumerate(found.y_map(y[:5]).tolist()):
            weighted = sum(rho * p * q for rho, p, q in zip(found.correlations.tolist(), a, b, strict=True))
            lengths = sum(p * p for p in a) ** 0.5 * sum(q * q for q in b) ** 0.5
            assert scores[i, j] == pytest.approx(weighted / lengths)


def test_the_unit_rows_score_as_csa_does_but_for_the_lengths() -> None:
    x, y = related(80)
    found = cca(x, y, dimension=3, strength=0.1)
    a, b = found.x_map(x[:4]), found.y_map(y[:5])

    scores = found.x(x[:4]) @ found.y(y[:5]).T

    lengths = np.sqrt((found.correlations * a**2).sum(axis=1))[:, None] * np.sqrt(
        (found.correlations * b**2).sum(axis=1)
    )
    np.testing.assert_allclose(scores, (found.correlations * a) @ b.T / lengths, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found.x(x), axis=1), 1.0, atol=1e-6)


def test_a_strength_shrinks_the_correlations() -> None:
    x, y = related(80)

    plain, shrunk = (cca(x, y, dimension=3, strength=strength).correlations for strength in (0.0, 0.5))

    assert (shrunk < plain).all()
    assert (np.diff(plain) <= 0).all()


def test_cca_makes_do_with_fewer_pairs_than_features_when_it_is_penalised() -> None:
    x, y = drawn(5, 20, 0), drawn(5, 8, 1)

    assert cca(x, y, dimension=8, strength=0.1).x(x).shape == (5, 8)
    with pytest.raises(UsageError, match="does not vary"):
        cca(x, y, dimension=8, strength=0.0)


def test_ridge_and_cca_find_held_out_partners() -> None:
    """Twelve noisy readings of six hidden numbers on either side; chance is 0.01."""
    hidden = drawn(600, 6, 0)
    x = hidden @ drawn(6, 12, 1) + 0.1 * drawn(600, 12, 2)
    y = hidden @ drawn(6, 12, 3) + 0.1 * drawn(600, 12, 4)
    train, test = slice(0, 500), slice(500, 600)

    aligned = ridge(x[train], y[train], strength=0.01), cca(x[train], y[train], dimension=6, strength=0.01)

    for found in aligned:
        best = (found.x(x[test]) @ found.y(y[test]).T).argmax(axis=1)
        assert np.mean(best == np.arange(100)) > 0.9


def test_what_does_not_pair_up_is_refused() -> None:
    x, y = related(10)

    with pytest.raises(UsageError, match="are no pairs"):
        ridge(x, y[:5], strength=0.1)
    with pytest.raises(UsageError, match="are no pairs"):
        procrustes(x[:1], y[:1])
    with pytest.raises(UsageError, match="strength is -1"):
        ridge(x, y, strength=-1.0)
    with pytest.raises(UsageError, match="not a finite number"):
        ridge(np.full_like(x, np.nan), y, strength=0.1)
    with pytest.raises(UsageError, match="Ask for 1 to 3"):
        cca(x, y, dimension=4, strength=0.1)
    with pytest.raises(UsageError, match="no rotation"):
        procrustes(np.ones((4, 2)), drawn(4, 2, 0))
