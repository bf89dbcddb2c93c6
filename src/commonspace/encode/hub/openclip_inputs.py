"""What open_clip does to texts and pictures before its networks, in NumPy and Pillow, so that any worker can do it."""

import html
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, final

import numpy as np

from commonspace.core.errors import ModelError
from commonspace.core.item import Content
from commonspace.encode.pictures import Normalisation
from commonspace.encode.texts import TextPreparation
from commonspace.encode.tower import Features

__all__ = ["CLEANINGS", "CleanedText", "OpenClipPicture", "normalisation_of"]

MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
DEVIATION: Final = (0.26862954, 0.26130258, 0.27577711)
"""What the library scales channels by where a model does not say."""
RESAMPLING: Final = {"bicubic": 3, "bilinear": 2, "random": 3}
PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


@final
@dataclass(frozen=True, slots=True)
class CleanedText:
    """Text to ids (t, int64) after the library's cleaning: ``lower``, ``whitespace`` or ``canonicalize``."""

    tokens: TextPreparation
    cleaning: str

    def __call__(self, content: Content) -> Features:
        """Clean and tokenise one text."""
        if not isinstance(content, str):
            raise TypeError(f"a text tower takes str, not {type(content).__name__}")
        import ftfy

        mended = html.unescape(html.unescape(ftfy.fix_text(content)))
        return self.tokens(CLEANINGS[self.cleaning](mended))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClipPicture:
    """RGB pixels (h x w x 3) to those the network sees, ``size`` (height, width), by one of three ways.

    ``shortest`` scales the shorter side and cuts, ``longest`` scales the longer and fills, ``squash`` keeps no shape.
    """

    size: tuple[int, int]
    way: str
    resample: int
    fill: int

    @classmethod
    def read(cls, model: Mapping[str, Any], config: Mapping[str, Any]) -> Self:
        """From ``model_cfg`` and ``preprocess_cfg``; the network's own size wins, as in the library.

        Raises:
            ModelError: they ask for what the library does not do either.
        """
        vision = model["vision_cfg"]
        size = vision.get("image_size", 224)
        height, width = (size, size) if isinstance(size, int) else size
        way, resample = str(config.get("resize_mode") or "shortest"), config.get("interpolation") or "bicubic"
        if way not in {"shortest", "longest", "squash"} or resample not in RESAMPLING:
            raise ModelError(f"'{way}' and '{resample}' are no ways to scale.", fix="Restore open_clip_config.json.")
        return cls(
            size=(int(height), int(width)),
            way=way,
            resample=3 if way == "shortest" and height != width else RESAMPLING[resample],
            fill=int(config.get("fill_color") or 0),
        )

    def __call__(self, content: Content) -> Features:
        """Scale and cut one picture."""
        if not isinstance(content, np.ndarray):
            raise TypeError(f"an image tower takes pixels, not {type(content).__name__}")
        from PIL import Image

        height, width = self._target(*content.shape[:2])
        resized = Image.fromarray(content).resize((width, height), Image.Resampling(self.resample))
        return np.ascontiguousarray(self._cut(np.asarray(resized, dtype=np.uint8)))

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if self.way == "squash":
            return self.size
        if self.way == "shortest" and self.size[0] == self.size[1]:
            side = self.size[0]
            long = int(side * max(height, width) / min(height, width))
            return (long, side) if height >= width else (side, long)
        ratios = height / self.size[0], width / self.size[1]
        ratio = max(ratios) if self.way == "longest" else min(ratios)
        return max(1, round(height / ratio)), max(1, round(width / ratio))

    def _cut(self, pixels: Features) -> Features:
        """The middle; where the picture does not reach, the fill. Odd leftovers as the library splits them."""
        for axis, side in enumerate(self.size):
            missing = max(0, side - pixels.shape[axis])
            around = [(0, 0)] * 3
            around[axis] = (missing // 2, -(-missing // 2))
            pixels = np.pad(pixels, around, constant_values=self.fill if self.way == "longest" else 0)
            start = round((pixels.shape[axis] - side) / 2)
            pixels = np.take(pixels, range(start, start + side), axis=axis)
        return pixels


def normalisation_of(config: Mapping[str, Any]) -> Normalisation:
    """How the network scales pixels, from ``preprocess_cfg``."""
    mean, deviation = config.get("mean") or MEAN, config.get("std") or DEVIATION
    return Normalisation(
        scale=1 / 255, mean=tuple(float(each) for each in mean), deviation=tuple(float(each) for each in deviation)
    )


def _spaced(text: str) -> str:
    return " ".join(text.split())


CLEANINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "lower": lambda text: _spaced(text).lower(),
    "whitespace": _spaced,
    "canonicalize": lambda text: _spaced(text.strip().replace("_", " ").translate(PUNCTUATION).lower()),
}
