"""One array that carries the features of several towers, so that a piece seen by two of them still travels as one."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import orjson

from commonspace.core.item import Content
from commonspace.encode.tower import Features, Preparation

__all__ = ["JointPreparation", "packed", "unpacked"]

LENGTH: Final = struct.Struct("<I")


@final
@dataclass(frozen=True, slots=True)
class JointPreparation:
    """What several towers want of one content, made one after another and packed; picklable as its parts are."""

    parts: tuple[Preparation, ...]

    def __call__(self, content: Content) -> Features:
        """Make one piece's content ready for each."""
        return packed([part(content) for part in self.parts])


def packed(parts: Sequence[Features]) -> Features:
    """Arrays as one of bytes. It has as many rows as the first: what counts a piece's tokens or windows still does."""
    told = orjson.dumps([[part.dtype.str, part.shape] for part in parts])
    body = b"".join([LENGTH.pack(len(told)), told, *(np.ascontiguousarray(part).tobytes() for part in parts)])
    num_rows = max(1, len(parts[0]))
    width = -(-len(body) // num_rows)
    return np.frombuffer(body.ljust(num_rows * width, b"\0"), dtype=np.uint8).reshape(num_rows, width)


def unpacked(array: Features) -> list[Features]:
    """The arrays that ``packed`` was given."""
    body = np.ascontiguousarray(array).tobytes()
    (length,) = LENGTH.unpack_from(body)
    place = LENGTH.size + length
    parts: list[Features] = []
    for kind, shape in orjson.loads(body[LENGTH.size : place]):
        part = np.frombuffer(body, dtype=np.dtype(kind), count=int(np.prod(shape)), offset=place).reshape(shape)
        parts.append(part)
        place += part.nbytes
    return parts
