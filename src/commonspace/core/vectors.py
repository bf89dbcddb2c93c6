"""Arithmetic on unit vectors."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Vectors", "unit"]

Vectors = NDArray[np.float32]
"""n x dimension, float32, each row of length one."""


def unit(rows: NDArray[np.floating]) -> Vectors:
    """Scale each row of ``rows`` (n x d) to length one; a row of zeros stays zero."""
    norms = np.linalg.norm(rows.astype(np.float32), axis=1, keepdims=True)
    return np.ascontiguousarray(rows / np.maximum(norms, 1e-12), dtype=np.float32)
