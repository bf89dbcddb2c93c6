"""What was heard, on disk: windows' features, what the teacher said of them, and who is in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOBODY", "NUM_CLASSES", "PATCHES_A_WINDOW", "Shard", "read_shards"]

NUM_CLASSES = 521
PATCHES_A_WINDOW = 3
NOBODY = -1


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shard:
    """Heard windows, float16: ``features`` n x features, ``logits`` n x patches x 521, ``loud`` n x patches.

    ``sources`` (n x 3) are keys of the recordings in them, -1 where there are fewer.
    """

    features: NDArray[np.float16]
    logits: NDArray[np.float16]
    loud: NDArray[np.float16]
    sources: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path) -> "Shard":
        """Read what `write` wrote."""
        with np.load(path) as held:
            return cls(**{name: held[name] for name in cls.__slots__})

    def write(self, path: Path) -> None:
        """Write beside, then rename, so that a shard is whole or absent."""
        beside = path.with_suffix(".part")
        with beside.open("wb") as file:
            np.savez(file, **{name: getattr(self, name) for name in self.__slots__})
        beside.rename(path)


def read_shards(folder: Path, kind: str) -> Iterator[Shard]:
    """Everything heard so far of one kind, shard by shard, in the order of their names."""
    for path in sorted(folder.glob(f"{kind}-*.npz")):
        yield Shard.read(path)
