"""Unit vectors are of length one, float32, and zeros stay zeros."""

import numpy as np

from commonspace.core.vectors import unit


def test_rows_come_back_with_length_one() -> None:
    rows = np.random.default_rng(0).standard_normal((5, 7))

    scaled = unit(rows)

    assert scaled.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(scaled, rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-6)


def test_a_row_of_zeros_stays_zero() -> None:
    assert not unit(np.zeros((1, 3))).any()
