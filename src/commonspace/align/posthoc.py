"""Alignment without training: maps between two sets of features that have a closed form.

The baseline that every training must beat: a few thousand pairs and a second of one core. All arithmetic is float64;
``x`` (n x p) and ``y`` (n x q) hold pairs, row i with row i. Each function gives an ``Alignment``: two maps into one
space, whose rows compare by dot product.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import UsageError
from commonspace.core.vectors import Vectors, unit

__all__ = ["Affine", "Alignment", "Canonical", "cca", "procrustes", "ridge"]

Matrix = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """``features @ weight + offset``: ``weight`` is inputs x outputs, ``offset`` outputs."""

    weight: Matrix
    offset: Matrix

    def __call__(self, features: NDArray[np.floating]) -> Matrix:
        """Map n x inputs to n x outputs, float64, lengths as they come."""
        return features.astype(np.float64) @ self.weight + self.offset


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Where each side's features go in the shared space."""

    x_map: Affine
    y_map: Affine

    def x(self, features: NDArray[np.floating]) -> Vectors:
        """Unit rows of the first side's features (n x p)."""
        return unit(self.x_map(features))

    def y(self, features: NDArray[np.floating]) -> Vectors:
        """Unit rows of the second side's features (n x q)."""
        return unit(self.y_map(features))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Canonical:
    """What canonical correlation analysis found: two maps to canonical variates, and how far each pair correlates.

    ``correlations`` fall from at most one to at least zero, one a dimension.
    """

    x_map: Affine
    y_map: Affine
    correlations: Matrix

    @property
    def alignment(self) -> Alignment:
        """Two plain maps that weigh: each variate times the root of its correlation."""
        roots = np.sqrt(self.correlations)
        maps = [Affine(weight=each.weight * roots, offset=each.offset * roots) for each in (self.x_map, self.y_map)]
        return Alignment(x_map=maps[0], y_map=maps[1])

    def x(self, features: NDArray[np.floating]) -> Vectors:
        """Unit rows of the first side (n x p), each variate times the root of its correlation."""
        return self.alignment.x(features)

    def y(self, features: NDArray[np.floating]) -> Vectors:
        """Unit rows of the second side (n x q), each variate times the root of its correlation."""
        return self.alignment.y(features)

    def similarity(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> Matrix:
        """CSA's own score of every x with every y (n x m): ``sum_k rho_k a_k b_k / (|a| |b|)``.

        It differs from the dot product of ``x()`` and ``y()`` in the lengths alone: those weigh the variates too, so
        that a store of unit vectors can serve them.
        """
        return (_unit(self.x_map(x)) * self.correlations) @ _unit(self.y_map(y)).T


def ridge(x: NDArray[np.floating], y: NDArray[np.floating], *, strength: float) -> Alignment:
    """Linear regression from x to y with a penalty on the weights (Hoerl and Kennard 1970).

    With both sides centred, ``W`` solves ``(X^T X + k I) W = X^T Y``, where ``k = strength * trace(X^T X) / p``: so a
    ``strength`` means the same whatever the features' scale and number. The y side stays as it is.

    Raises:
        UsageError: the sides do not pair up, ``strength`` is negative, or the equations have no single answer.
    """
    x_mean, x_rows, y_mean, y_rows = _centred(x, y, strength)
    weight = _solve(_penalised(x_rows.T @ x_rows, strength), x_rows.T @ y_rows)
    return Alignment(x_map=Affine(weight=weight, offset=y_mean - x_mean @ weight), y_map=_identity(y_rows.shape[1]))


def procrustes(x: NDArray[np.floating], y: NDArray[np.floating]) -> Alignment:
    """The rotation (or reflection), scale and shift that take x nearest to y (Schoenemann and Carroll 1970).

    With both sides centred and ``X^T Y = U S V^T``, the rotation is ``U V^T`` and the scale ``trace(S) / |X|^2``.
    Where p and q differ the rotation has orthonormal rows or columns. The y side stays as it is.

    Raises:
        UsageError: the sides do not pair up, or the rows of x are all one.
    """
    x_mean, x_rows, y_mean, y_rows = _centred(x, y, 0.0)
    spread = float((x_rows**2).sum())
    if spread == 0.0:
        raise UsageError("All rows of x are one: no rotation is nearest.", fix="Give pairs that differ.")
    left, strengths, right = np.linalg.svd(x_rows.T @ y_rows, full_matrices=False)
    weight = (left @ right) * (strengths.sum() / spread)
    return Alignment(x_map=Affine(weight=weight, offset=y_mean - x_mean @ weight), y_map=_identity(y_rows.shape[1]))


def cca(x: NDArray[np.floating], y: NDArray[np.floating], *, dimension: int, strength: float) -> Canonical:
    """Canonical correlation analysis (Hotelling 1936), the map of CSA (Li, Chinchali, Topcu 2025, arXiv 2410.07610).

    With both sides centred, ``Cxx = X^T X / n + strength * trace(X^T X / n) / p * I``, likewise Cyy, and the singular
    values of ``Cxx^-1/2 Cxy Cyy^-1/2 = U R V^T`` in R, the maps are ``Cxx^-1/2 U`` and ``Cyy^-1/2 V``, cut to the
    ``dimension`` strongest. With a ``strength`` above zero R is shrunk correlation.

    Raises:
        UsageError: the sides do not pair up, ``strength`` is negative, ``dimension`` is not 1 to the smaller of p and
            q, or a side's covariance cannot be inverted.
    """
    x_mean, x_rows, y_mean, y_rows = _centred(x, y, strength)
    widest = min(x_rows.shape[1], y_rows.shape[1])
    if not 1 <= dimension <= widest:
        raise UsageError(f"{dimension} dimensions are not to be had.", fix=f"Ask for 1 to {widest}.")
    num = len(x_rows)
    x_white = _inverse_root(_penalised(x_rows.T @ x_rows / num, strength))
    y_white = _inverse_root(_penalised(y_rows.T @ y_rows / num, strength))
    left, correlations, right = np.linalg.svd(x_white @ (x_rows.T @ y_rows / num) @ y_white, full_matrices=False)
    x_weight, y_weight = x_white @ left[:, :dimension], y_white @ right[:dimension].T
    return Canonical(
        x_map=Affine(weight=x_weight, offset=-x_mean @ x_weight),
        y_map=Affine(weight=y_weight, offset=-y_mean @ y_weight),
        correlations=np.clip(correlations[:dimension], 0.0, 1.0),
    )


def _centred(
    x: NDArray[np.floating], y: NDArray[np.floating], strength: float
) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) < 2:
        raise UsageError(f"Features of shape {x.shape} and {y.shape} are no pairs.", fix="Give two pairs or more.")
    if strength < 0:
        raise UsageError(f"The strength is {strength}.", fix="Give zero or more.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise UsageError("A feature is not a finite number.", fix="Leave such rows out.")
    x_rows, y_rows = x.astype(np.float64), y.astype(np.float64)
    x_mean, y_mean = x_rows.mean(axis=0), y_rows.mean(axis=0)
    return x_mean, x_rows - x_mean, y_mean, y_rows - y_mean


def _penalised(products: Matrix, strength: float) -> Matrix:
    ridge_added = strength * float(np.trace(products)) / len(products)
    return products + ridge_added * np.eye(len(products))


def _solve(left: Matrix, right: Matrix) -> Matrix:
    values = np.linalg.eigvalsh(left)
    if values[0] <= values[-1] * np.finfo(np.float64).eps * len(left):
        raise _singular()
    return np.asarray(np.linalg.solve(left, right), dtype=np.float64)


def _inverse_root(symmetric: Matrix) -> Matrix:
    values, vectors = np.linalg.eigh(symmetric)
    if values[0] <= values[-1] * np.finfo(np.float64).eps * len(symmetric):
        raise _singular()
    return np.asarray((vectors / np.sqrt(values)) @ vectors.T, dtype=np.float64)


def _singular() -> UsageError:
    return UsageError(
        "Some direction of the features does not vary over these pairs.", fix="Give more pairs, or a higher strength."
    )


def _identity(size: int) -> Affine:
    return Affine(weight=np.eye(size), offset=np.zeros(size))


def _unit(rows: Matrix) -> Matrix:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float64)
