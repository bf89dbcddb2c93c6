"""One bit a dimension: the signs of centred, rotated rows, compared by how many differ."""

import struct
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.vectors import Vectors
from commonspace.index.held import HeldRows
from commonspace.index.index import Ids, Mask

__all__ = ["SignCodes"]

BITS_A_BYTE: Final = 8
SAMPLE_ROWS: Final = 65_536
_HEAD = struct.Struct("<II")


@final
class SignCodes:
    """Codes of all allowed rows, scanned by Hamming distance.

    Inner products order rows as distances do once every row has one length: each row gets one more number that
    brings it there (Bachrach et al., RecSys 2014), so that a row's bias counts and not only its direction.
    """

    fewest_rows = 1_024
    is_trained = True

    def __init__(self, dimension: int) -> None:
        import faiss

        self._faiss: Any = faiss
        self._bits = -(-(dimension + 1) // 64) * 64
        self._centre: Vectors = np.zeros(dimension, np.float32)
        self._square = 1.0
        self._rotation = _rotation(self._bits)[: dimension + 1]
        self._codes: NDArray[np.uint8] = np.empty((0, self._bits // BITS_A_BYTE), np.uint8)

    def build(self, rows: HeldRows) -> None:
        """Centre on the mean of a sample, and code every row."""
        sample = rows.sample(SAMPLE_ROWS)
        self._centre = sample.mean(axis=0)
        self._square = float(((sample - self._centre) ** 2).sum(axis=1).max())
        self._codes = self._codes[:0]
        self.extend(rows, 0)

    def extend(self, rows: HeldRows, start: int) -> None:
        """Code the later rows too."""
        self._codes = np.concatenate(
            [self._codes, *(self._coded(block - self._centre) for block in rows.blocks(start))]
        )

    def nearest(self, queries: Vectors, count: int, allowed: Mask | None, share: float) -> Ids:
        """Scan the codes of the allowed; ``share`` changes nothing."""
        del share
        slots = np.arange(len(self._codes)) if allowed is None else np.flatnonzero(allowed)
        codes = self._codes if allowed is None else self._codes[slots]
        bits = self._signs(queries @ self._rotation[:-1])
        _, places = self._faiss.knn_hamming(bits, codes, min(count, len(slots)))
        found: Ids = np.full((len(queries), count), -1, np.int64)
        found[:, : places.shape[1]] = np.where(places >= 0, slots[places], -1)
        return found

    def dump(self) -> bytes:
        """Centre and codes."""
        head = _HEAD.pack(len(self._codes), len(self._centre))
        scale = np.array([self._square], "<f8").tobytes()
        return head + scale + self._centre.astype("<f4").tobytes() + self._codes.tobytes()

    def load(self, data: bytes) -> None:
        """Centre and codes as they were."""
        count, width = _HEAD.unpack_from(data)
        (self._square,) = np.frombuffer(data, "<f8", 1, _HEAD.size).tolist()
        self._centre = np.frombuffer(data, "<f4", width, _HEAD.size + 8).astype(np.float32)
        codes = np.frombuffer(data, np.uint8, offset=_HEAD.size + 8 + 4 * width)
        self._codes = codes.reshape(count, self._bits // BITS_A_BYTE)

    def _coded(self, rows: Vectors) -> NDArray[np.uint8]:
        missing = np.sqrt(np.maximum(self._square - (rows**2).sum(axis=1), 0.0), dtype=np.float32)
        return self._signs(rows @ self._rotation[:-1] + missing[:, np.newaxis] * self._rotation[-1])

    @staticmethod
    def _signs(rows: Vectors) -> NDArray[np.uint8]:
        return np.packbits(rows > 0, axis=1)


def _rotation(dimension: int) -> Vectors:
    """A random rotation, the same one every time: it spreads what a row says evenly over the bits."""
    square = np.random.default_rng(0).standard_normal((dimension, dimension))
    return np.linalg.qr(square)[0].astype(np.float32)
