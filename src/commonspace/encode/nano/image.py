"""The image tower: the middle of a picture through a small convolutional network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.runtime import Graph
from commonspace.encode.tower import Features

__all__ = ["ImagePreparation", "ImageTower"]

MAX_BATCH = 8


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


@final
class ImageTower:
    """Pictures go through the network a few at a time, the batches side by side."""

    modality = Modality.IMAGE

    def __init__(self, graph: Graph, prepare: ImagePreparation) -> None:
        self._graph = graph
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode square pictures to unit vectors, one row each, in order."""
        starts = range(0, len(batch), MAX_BATCH)
        answers = self._graph.run([{"pixels": np.stack(batch[start : start + MAX_BATCH])} for start in starts])
        return np.concatenate([answer["embedding"] for answer in answers])
