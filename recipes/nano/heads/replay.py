"""Photographs to stand still on: a head must leave alone what the classifier already reads well.

No photograph that the classifier was made for may be learned from, so two stand-ins replay them. Photographs of free
packages, whole and in random crops, keep what the trunk says of real light and texture. *Made-up* readings start from
these and move along a class's own weights until the classifier is as sure as it is of a photograph: the weights of the
last layer point where the features of its class lie (neural collapse, Papyan et al., PNAS 2020).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recipes.nano.heads.readings import Readings
from recipes.nano.trunk import NUM_POOLED

__all__ = ["Classifier", "cut_photographs", "made_up"]

CROPS = 6
LEAST_SHARE = 0.3
CROP_SIDE = 256
DULL = 12.0
"""A crop whose pixels vary less than this shows nothing."""
LEAST_PUSH, MOST_PUSH = 2.0, 9.0


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classifier:
    """The last layer: ``weight`` classes x features, ``bias`` classes; ``opinion`` is how its answer reads as text."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    prototypes: NDArray[np.float32]
    num_best: int
    temperature: float

    def opinion(self, pooled: NDArray[np.float32]) -> NDArray[np.float32]:
        """The unit vectors that the tower without a head gives these features (n x 384)."""
        logits = (pooled @ self.weight.T + self.bias) / self.temperature
        best = np.argsort(-logits, axis=1)[:, : self.num_best + 1]
        chosen = np.take_along_axis(logits, best, axis=1)
        shares = np.exp(chosen - chosen.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        mean = np.einsum("nk,nkd->nd", shares - shares[:, -1:], self.prototypes[best])
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)


def cut_photographs(photographs: Mapping[str, Path], folder: Path, *, seed: int) -> dict[str, Path]:
    """Cut each photograph's middle and random squares of it into ``folder``; returns the crops by key."""
    folder.mkdir(parents=True, exist_ok=True)
    crops: dict[str, Path] = {}
    for key, path in sorted(photographs.items()):
        rng = np.random.default_rng((seed, int(key[:8], 16)))
        with Image.open(path) as image:
            whole = image.convert("RGB")
        for number in range(CROPS):
            target = folder / f"{key}-{number}.jpg"
            crop = _crop(whole, rng, middle=number == 0)
            if np.asarray(crop).std() >= DULL:
                if not target.exists():
                    crop.save(target, quality=92)
                crops[target.stem] = target
    return crops


def _crop(image: Image.Image, rng: np.random.Generator, *, middle: bool) -> Image.Image:
    side = min(image.size) * (1.0 if middle else rng.uniform(LEAST_SHARE, 1.0))
    left, top = (rng.uniform(0, length - side) for length in image.size)
    if middle:
        left, top = ((length - side) / 2 for length in image.size)
    box = (left, top, left + side, top + side)
    return image.resize((CROP_SIDE, CROP_SIDE), Image.Resampling.BICUBIC, box=box)


def made_up(photographs: Readings, classifier: Classifier, *, number: int, seed: int) -> Readings:
    """Readings of photographs that nobody took, of random classes; the depths stay those of a real one."""
    rng = np.random.default_rng((seed, 0xFA4E))
    directions = classifier.weight - classifier.weight.mean(axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    features = photographs.features[rng.integers(len(photographs.features), size=number)].astype(np.float32)
    classes = rng.integers(len(directions), size=number)
    faded = features[:, :NUM_POOLED] * rng.uniform(0.5, 1.0, (number, 1))
    pooled = np.maximum(faded + rng.uniform(LEAST_PUSH, MOST_PUSH, (number, 1)) * directions[classes], 0)
    features[:, :NUM_POOLED] = pooled
    return Readings(
        keys=tuple(f"made-up-{place}" for place in range(number)),
        features=features.astype(np.float16),
        base=classifier.opinion(pooled.astype(np.float32)),
    )
