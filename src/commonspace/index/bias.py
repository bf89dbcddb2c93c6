"""One stored float an item corrects every score: ``q.d - b`` is the inner product of [q, -1] and [d, b].

Inverted softmax, nearest-neighbour normalisation, CSLS with a bank and query-mean centring are all of this form, so
one extra dimension serves every index that searches by inner product. What ``b`` is, is not known here: it is handed
in as a function of a segment's vector and of the tower that made it, and computed when the vector comes into memory.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.columns import CHUNK_ROWS, CODES

__all__ = ["ItemBias", "extended", "extended_queries"]

ItemBias = Callable[[Modality, Vectors], NDArray[np.float32]]
"""Vectors (n x d) that one tower made to their biases (n), each within -1 to 1 and the same in any company."""


def extended(vectors: Vectors, towers: NDArray[np.uint8], bias: ItemBias) -> Vectors:
    """Each vector with its bias as one more number: n x (d + 1); ``towers`` are the segments' modality codes."""
    rows = np.empty((len(vectors), vectors.shape[1] + 1), np.float32)
    for at in range(0, len(vectors), CHUNK_ROWS):  # of a mapped file no more than this is copied besides
        block, codes, part = vectors[at : at + CHUNK_ROWS], towers[at : at + CHUNK_ROWS], rows[at : at + CHUNK_ROWS]
        part[:, :-1] = block
        for modality, code in CODES.items():
            mine = codes == code
            if mine.any():
                part[mine, -1] = bias(modality, np.ascontiguousarray(block[mine]))
    return rows


def extended_queries(queries: Vectors) -> Vectors:
    """Queries that meet extended vectors: minus one in the place of the bias."""
    return np.concatenate([queries, np.full((len(queries), 1), -1.0, np.float32)], axis=1)
