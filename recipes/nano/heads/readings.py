"""What the picture trunk reads in many files, computed once and kept on disk by key.

bfloat16 where the processor has it: these are lessons, not vectors that anybody compares.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import openvino
from numpy.typing import NDArray
from PIL import Image

from commonspace.encode.nano.image import ImagePreparation

__all__ = ["RESIZE", "Readings", "read_pictures"]

SIDE, RESIZE = 224, 256
BATCH = 8
PICTURES_A_SHARD = 800


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """Rows in the order of ``keys``: ``features`` n x `NUM_FEATURES`, float16, and ``base`` n x 384, unit length."""

    keys: tuple[str, ...]
    features: NDArray[np.float16]
    base: NDArray[np.float32]

    def take(self, keys: Sequence[str]) -> "Readings":
        """Some rows by key, in that order."""
        places = {key: place for place, key in enumerate(self.keys)}
        rows = np.array([places[key] for key in keys], dtype=np.int64)
        return Readings(keys=tuple(keys), features=self.features[rows], base=self.base[rows])

    @classmethod
    def join(cls, parts: Sequence["Readings"]) -> "Readings":
        """One from many."""
        return cls(
            keys=tuple(key for part in parts for key in part.keys),
            features=np.concatenate([part.features for part in parts]),
            base=np.concatenate([part.base for part in parts]),
        )


def read_pictures(reader: Path, pictures: Mapping[str, Path], folder: Path) -> Readings:
    """Read pictures by key with the graph in ``reader``; ``folder`` keeps shards, so a stopped run goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    held = [_load(path) for path in sorted(folder.glob("*.npz"))]
    known = {key for part in held for key in part.keys}
    missing = sorted(key for key in pictures if key not in known)
    network = None
    for first in range(0, len(missing), PICTURES_A_SHARD):
        network = network or openvino.Core().compile_model(str(reader), "CPU", {"INFERENCE_NUM_THREADS": 1})
        keys = missing[first : first + PICTURES_A_SHARD]
        part = _read(network, [(key, pictures[key]) for key in keys])
        _keep(part, folder / f"{keys[0]}.npz")
        held.append(part)
    return Readings.join(held).take([key for key in pictures if key in {k for part in held for k in part.keys}])


def _read(network: openvino.CompiledModel, pictures: Sequence[tuple[str, Path]]) -> Readings:
    prepare = ImagePreparation(SIDE, RESIZE)
    features, base = [], []
    for batch in _batches(pictures):
        pixels = np.stack([prepare(_pixels(path)) for _, path in batch])
        answer = network({"pixels": pixels})
        features.append(answer["features"].astype(np.float16))
        base.append(answer["base"].copy())
    return Readings(
        keys=tuple(key for key, _ in pictures), features=np.concatenate(features), base=np.concatenate(base)
    )


def _batches(pictures: Sequence[tuple[str, Path]]) -> Iterator[Sequence[tuple[str, Path]]]:
    for first in range(0, len(pictures), BATCH):
        yield pictures[first : first + BATCH]


def _pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _load(path: Path) -> Readings:
    with np.load(path) as held:
        return Readings(keys=tuple(held["keys"].tolist()), features=held["features"], base=held["base"])


def _keep(part: Readings, path: Path) -> None:
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        np.savez(file, keys=np.array(part.keys), features=part.features, base=part.base)
    beside.rename(path)
