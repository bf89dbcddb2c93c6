"""The embedded space's eye: the middle square of a picture."""

from dataclasses import dataclass
from typing import final

import numpy as np

from commonspace.core.item import Content
from commonspace.encode.tower import Features

__all__ = ["ImagePreparation"]


@final
@dataclass(frozen=True, slots=True)
class ImagePreparation:
    """Pixels (height x width x 3) to the middle square of ``side`` of a picture whose shorter side is ``resize``.

    Normalisation is inside the graph.
    """

    side: int
    resize: int

    def __call__(self, content: Content) -> Features:
        """Scale and crop one picture."""
        if not isinstance(content, np.ndarray):
            raise TypeError(f"an image tower takes pixels, not {type(content).__name__}")
        from PIL import Image

        height, width = content.shape[:2]
        half = min(height, width) * self.side / self.resize / 2
        box = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
        middle = Image.fromarray(content).resize((self.side, self.side), Image.Resampling.BICUBIC, box=box)
        return np.asarray(middle, dtype=np.uint8)
