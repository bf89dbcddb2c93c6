"""Pictures for a tower, as a checkpoint's own processor would make them: resized and cropped, not normalised.

``preprocessor_config.json`` says how. The numbers stay whole (uint8) until the network scales them, so that a picture
travels small between processes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from commonspace.core.errors import ModelError
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.runtime import Graph
from commonspace.encode.tower import Features, Preparation

__all__ = ["ImageTower", "Normalisation", "PicturePreparation"]

MAX_BATCH = 8
LONGEST_SIDE = 8_192


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """What the network does to pixels first: ``(pixels * scale - mean) / deviation``, by channel."""

    scale: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Self:
        """From a processor's configuration; what it does not do has no effect."""
        normalised = config.get("do_normalize", True)
        mean = config.get("image_mean") or (0.0, 0.0, 0.0)
        deviation = config.get("image_std") or (1.0, 1.0, 1.0)
        return cls(
            scale=float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0,
            mean=tuple(float(value) for value in mean) if normalised else (0.0, 0.0, 0.0),
            deviation=tuple(float(value) for value in deviation) if normalised else (1.0, 1.0, 1.0),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PicturePreparation:
    """RGB pixels (h x w x 3) to those the network sees.

    ``shortest`` scales the shorter side to it, keeping the shape; ``size`` (height, width) scales to exactly that;
    ``crop`` (height, width) cuts the middle out, padding with black where the picture is smaller.
    """

    shortest: int | None
    size: tuple[int, int] | None
    crop: tuple[int, int] | None
    resample: int

    @classmethod
    def read(cls, config: Mapping[str, Any], *, square: bool) -> Self:
        """From ``preprocessor_config.json``; a size of one number is a ``square`` for some, else a shorter side.

        Raises:
            ModelError: it asks for something that this does not do.
        """
        size = config.get("size") if config.get("do_resize", True) else None
        crop = config.get("crop_size") if config.get("do_center_crop", False) else None
        try:
            shortest = None if square and isinstance(size, int) else _shortest(size)
            read = cls(
                shortest=shortest,
                size=None if size is None or shortest else _sides(size),
                crop=None if crop is None else _sides(crop),
                resample=int(config.get("resample", 3)),
            )
            read.check()
            return read  # noqa: TRY300  (what checks it raises what is caught)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"The processor's size {size} or crop {crop} is of a kind that is not known here ({error}).",
                fix="Use a checkpoint of a family in docs/models.md.",
            ) from error

    def check(self) -> None:
        """Check that there can be such pictures.

        Raises:
            ValueError: a side is below one or beyond any network's, or no way of scaling has this number.
        """
        sides = (self.shortest or 1, *(self.size or ()), *(self.crop or ()))
        if not all(0 < side <= LONGEST_SIDE for side in sides) or self.resample not in range(6):
            raise ValueError(f"sides of {sides} pixels, scaled in way {self.resample}")

    def __call__(self, content: Content) -> Features:
        """Scale and crop one picture."""
        if not isinstance(content, np.ndarray):
            raise TypeError(f"an image tower takes pixels, not {type(content).__name__}")
        from PIL import Image

        height, width = content.shape[:2]
        target = self._target(height, width)
        if target == (height, width):
            pixels = content
        else:
            resized = Image.fromarray(content).resize((target[1], target[0]), Image.Resampling(self.resample))
            pixels = np.asarray(resized, dtype=np.uint8)
        return np.ascontiguousarray(pixels if self.crop is None else _middle(pixels, self.crop))

    def _target(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after scaling: the longer side is cut to whole pixels, as the library does."""
        if self.size is not None:
            return self.size
        if self.shortest is None:
            return height, width
        long = int(self.shortest * max(height, width) / min(height, width))
        return (long, self.shortest) if height >= width else (self.shortest, long)


@final
class ImageTower:
    """Pictures go through the network a few at a time, the batches side by side."""

    modality = Modality.IMAGE

    def __init__(self, graph: Graph, prepare: Preparation) -> None:
        self._graph = graph
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode square pictures to unit vectors, one row each, in order."""
        starts = range(0, len(batch), MAX_BATCH)
        answers = self._graph.run([{"pixels": np.stack(batch[start : start + MAX_BATCH])} for start in starts])
        return np.concatenate([answer["embedding"] for answer in answers])


def _shortest(size: object) -> int | None:
    if isinstance(size, int):
        return size
    if isinstance(size, Mapping) and "shortest_edge" in size and "longest_edge" not in size:
        return int(size["shortest_edge"])
    return None


def _sides(size: object) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    if not isinstance(size, Mapping):
        raise TypeError("it is no size")
    return int(size["height"]), int(size["width"])


def _middle(pixels: Features, crop: tuple[int, int]) -> Features:
    """The middle of a picture, black where it does not reach; odd leftovers as the library splits them."""
    height, width = pixels.shape[:2]
    top, left = (height - crop[0]) // 2, (width - crop[1]) // 2
    if top >= 0 and left >= 0:
        return pixels[top : top + crop[0], left : left + crop[1]]
    full = max(height, crop[0]), max(width, crop[1])
    padded = np.zeros((*full, pixels.shape[2]), pixels.dtype)
    down, right = -(-(full[0] - height) // 2), -(-(full[1] - width) // 2)
    padded[down : down + height, right : right + width] = pixels
    top, left = top + down, left + right
    return padded[max(0, top) : top + crop[0], max(0, left) : left + crop[1]]
