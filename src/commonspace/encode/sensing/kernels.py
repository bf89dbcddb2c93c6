"""Shapes in a signal: how often each of 84 fixed kernels, at several widths, answers above a threshold.

The kernels and widths of MiniRocket (Dempster, Schmidt, Webb 2021, arXiv 2012.08791): every choice of three places of
nine, weights two there and minus one elsewhere. Its thresholds are quantiles of training data; here they are fixed
numbers, for every signal comes with spread one, so that nothing must be kept to compute them.
"""

from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["THRESHOLDS", "kernel_answers", "num_answers"]

LENGTH: Final = 9
TRIPLES: Final = np.array(list(combinations(range(LENGTH), 3)))
THRESHOLDS: Final = (0.5, 2.5)
"""In units of the signal's spread; the noise of an answer to white noise is 4.2."""


def num_answers(widths: tuple[int, ...]) -> int:
    """How many numbers ``kernel_answers`` gives."""
    return len(TRIPLES) * len(widths) * len(THRESHOLDS)


def kernel_answers(signal: NDArray[np.float64], widths: tuple[int, ...]) -> NDArray[np.float32]:
    """For each kernel and threshold the share of places (0 to 1) where it is passed; zeros surround the signal."""
    found = []
    for width in widths:
        reach = width * (LENGTH // 2)
        padded = np.pad(signal.astype(np.float32), reach)
        shifted = np.stack([padded[place * width : place * width + len(signal)] for place in range(LENGTH)])
        first, second, third = shifted[TRIPLES.T]
        answers = first + second + third
        rest = shifted.sum(axis=0) / 3
        found += [np.count_nonzero(answers > rest + threshold / 3, axis=1) for threshold in THRESHOLDS]
    return (np.concatenate(found) / len(signal)).astype(np.float32)
