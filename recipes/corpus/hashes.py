"""Perceptual hashes: 64 bits that stay nearly the same when a picture is scaled, recoded or slightly recoloured.

The signs of a picture's lowest 8 x 8 DCT coefficients against their median (Zauner, "Implementation and benchmarking
of perceptual image hash functions", 2010).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["NEAR_BITS", "from_hex", "near_pairs", "perceptual_hash", "to_hex"]

NEAR_BITS = 4
_SIDE, _KEPT = 32, 8
_CHUNK = 512


def perceptual_hash(image: Image.Image) -> int:
    """The picture's 64 bits; the first (the mean) counts like the rest."""
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.float64)
    basis = _cosines()
    low = (basis @ pixels @ basis.T).reshape(-1)
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes())


def to_hex(value: int) -> str:
    """Sixteen hex digits."""
    return f"{value:016x}"


def from_hex(texts: list[str]) -> NDArray[np.uint64]:
    """Hashes as an array (n)."""
    return np.array([int(text, 16) for text in texts], dtype=np.uint64)


def near_pairs(
    left: NDArray[np.uint64], right: NDArray[np.uint64], *, most_bits: int = NEAR_BITS
) -> list[tuple[int, int]]:
    """Every (i, j) where ``left[i]`` and ``right[j]`` differ in ``most_bits`` bits at most. O(n m)."""
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(left), _CHUNK):
        apart = np.bitwise_count(left[start : start + _CHUNK, None] ^ right[None, :])
        rows, columns = np.nonzero(apart <= most_bits)
        pairs.extend(zip((rows + start).tolist(), columns.tolist(), strict=True))
    return pairs


def _cosines() -> NDArray[np.float64]:
    """The first rows of the DCT-II's matrix (8 x 32)."""
    place = (np.arange(_SIDE) + 0.5) * np.pi / _SIDE
    return np.cos(np.arange(_KEPT)[:, None] * place)
