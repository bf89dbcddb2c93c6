"""A class is what it is called and, more faintly, what it is a kind of: a terrier's vector leans towards "dog"."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["ImageClass", "class_prototypes", "read_classes"]

KIND_WEIGHT = 0.7
"""The share of the more general names, next to 1 for the class's own."""
KIND_DECAY = 0.5
"""Each step up the hierarchy counts half of the one below."""

Matrix = NDArray[np.float32]
EmbedTexts = Callable[[Sequence[str]], Matrix]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageClass:
    """A class of the classifier: its names, best known first, and more general names with their distance."""

    names: tuple[str, ...]
    kinds: tuple[tuple[str, int], ...]


def read_classes(path: Path) -> list[ImageClass]:
    """Read the classes, in the classifier's order, from a table of synset, names and hypernyms."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    classes = []
    for line in lines[1:]:
        _, names, kinds = line.split("\t")
        pairs = (kind.rsplit("=", 1) for kind in kinds.split("; "))
        classes.append(
            ImageClass(names=tuple(names.split("; ")), kinds=tuple((name, int(steps)) for name, steps in pairs))
        )
    return classes


def class_prototypes(classes: Sequence[ImageClass], embed: EmbedTexts) -> Matrix:
    """Return one unit vector for each class."""
    words = sorted({word for each in classes for word in (*each.names, *(name for name, _ in each.kinds))})
    vectors = dict(zip(words, embed(words), strict=True))
    rows = []
    for each in classes:
        names = _unit(np.mean([vectors[name] for name in each.names], axis=0))
        own = _unit(vectors[each.names[0]] + names)
        kinds = np.sum([KIND_DECAY**steps * vectors[name] for name, steps in each.kinds], axis=0)
        rows.append(_unit(own + KIND_WEIGHT * _unit(kinds)))
    return np.stack(rows).astype(np.float32)


def _unit(vector: NDArray[np.floating]) -> NDArray[np.floating]:
    return vector / np.linalg.norm(vector)
