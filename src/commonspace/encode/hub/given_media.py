"""Pictures and sounds packed with what they are for: some checkpoints put other words around what is searched with."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.encode.tower import Features

__all__ = ["Given", "Role", "packed", "unpacked"]

HEADER: Final = 3
"""Numbers before the values: the role, and the first two sides."""


class Role(IntEnum):
    """What a content is embedded for."""

    PASSAGE = 0
    QUERY = 1


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """A role, and values (a x b, or a x b x more)."""

    role: Role
    values: NDArray[np.generic]


def packed(role: Role, values: NDArray[np.generic]) -> Features:
    """One row (n, of the values' type) that ``unpacked`` reads; a type of one byte holds the header bytewise."""
    header = np.array([role, *values.shape[:2]], dtype=np.int32)
    return np.concatenate([header.view(values.dtype), values.ravel()])


def unpacked(features: Features) -> Given:
    """What was packed."""
    split = HEADER * 4 // features.itemsize
    role, *sides = (int(each) for each in features[:split].view(np.int32))
    return Given(role=Role(role), values=features[split:].reshape(*sides, *_more(features, split, sides)))


def _more(features: Features, split: int, sides: list[int]) -> tuple[int, ...]:
    """The third side, where there is more than the first two account for."""
    third = (len(features) - split) // max(1, sides[0] * sides[1])
    return (third,) if third > 1 else ()
