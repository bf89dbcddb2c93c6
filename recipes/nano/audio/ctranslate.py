"""Read the arrays out of a CTranslate2 model file (``model.bin``, binary version 6): names, shapes, numbers.

Nothing is executed and nothing is unpickled; a file that is not laid out so is refused.
"""

import struct
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_arrays"]

BINARY_VERSION = 6
TYPES = (np.dtype("<f4"), np.dtype("<i1"), np.dtype("<i2"), np.dtype("<i4"), np.dtype("<f2"))
"""By the number that stands for them in the file."""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array in the file by name.

    Raises:
        ValueError: it is of another version, or ends too soon.
    """
    reader = _Reader(path.read_bytes())
    version = reader.number("I")
    if version != BINARY_VERSION:
        raise ValueError(f"{path.name} is of binary version {version}, not {BINARY_VERSION}")
    reader.text()  # the architecture's name
    reader.number("I")  # its revision
    return dict(reader.array() for _ in range(reader.number("I")))


@final
class _Reader:
    """Walks over the bytes from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def number(self, kind: str) -> int:
        """A little-endian number of one `struct` format."""
        return int(struct.unpack(f"<{kind}", self._take(struct.calcsize(f"<{kind}")))[0])

    def text(self) -> str:
        """A string with its length before it and a zero behind it."""
        return bytes(self._take(self.number("H"))).rstrip(b"\0").decode()

    def array(self) -> tuple[str, NDArray[Any]]:
        """A named array: rank, sizes, the number of its type, its length in bytes, its bytes."""
        name = self.text()
        shape = [self.number("I") for _ in range(self.number("B"))]
        kind = TYPES[self.number("B")]
        return name, np.frombuffer(self._take(self.number("I")), dtype=kind).reshape(shape)

    def _take(self, length: int) -> memoryview:
        taken = memoryview(self._data)[self._place : self._place + length]
        if len(taken) < length:
            raise ValueError("the file ends too soon")
        self._place += length
        return taken
