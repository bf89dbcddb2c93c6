"""Video towers: frames of a clip, made ready one by one as a checkpoint's processor would, go through together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from commonspace.core.item import Clip, Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.pictures import PicturePreparation
from commonspace.encode.runtime import Graph
from commonspace.encode.tower import Features
from commonspace.ingest.clips import evenly

__all__ = ["ClipPreparation", "VideoTower"]

MAX_BATCH: Final = 2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPreparation:
    """A clip to ``num_frames`` pictures as the network sees them (n x h x w x 3), evenly chosen where it has others."""

    picture: PicturePreparation
    num_frames: int

    def __call__(self, content: Content) -> Features:
        """Scale and crop every frame of one clip."""
        if not isinstance(content, Clip):
            raise TypeError(f"a video tower takes Clip, not {type(content).__name__}")
        places = evenly(len(content.frames), self.num_frames)
        return np.stack([self.picture(content.frames[place]) for place in places])


@final
class VideoTower:
    """Clips go through the network a few at a time."""

    modality = Modality.VIDEO

    def __init__(self, graph: Graph, prepare: ClipPreparation) -> None:
        self._graph = graph
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode clips' frames to unit vectors, one row each, in order."""
        starts = range(0, len(batch), MAX_BATCH)
        answers = self._graph.run([{"clips": np.stack(batch[start : start + MAX_BATCH])} for start in starts])
        return np.concatenate([answer["embedding"] for answer in answers])
