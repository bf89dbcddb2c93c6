"""The audio tower: a clip is the weighted mean of its two-second windows' vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from commonspace.core.item import Audio, Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.nano.mel import MelSpec, log_mel_windows
from commonspace.encode.runtime import Graph
from commonspace.encode.tower import Features

__all__ = ["AudioPreparation", "AudioTower"]

MAX_BATCH = 8


@final
@dataclass(frozen=True, slots=True)
class AudioPreparation:
    """Mono sound at the spec's rate to log-mel windows (windows x (bands + 1) x frames), the last row its presence."""

    spec: MelSpec

    def __call__(self, content: Content) -> Features:
        """Compute one clip's windows."""
        if not isinstance(content, Audio):
            raise TypeError(f"an audio tower takes Audio, not {type(content).__name__}")
        return log_mel_windows(content.array.astype(np.float32, copy=False), self.spec)


@final
class AudioTower:
    """Windows of all clips share batches; each clip's vector is made of its own windows alone."""

    modality = Modality.AUDIO

    def __init__(self, graph: Graph, prepare: AudioPreparation) -> None:
        self._graph = graph
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode clips' windows to unit vectors, one row a clip, in order."""
        windows = np.concatenate(batch).astype(np.float32, copy=False)
        starts = range(0, len(windows), MAX_BATCH)
        answers = self._graph.run([{"windows": windows[start : start + MAX_BATCH]} for start in starts])
        weighted = np.concatenate([answer["embedding"] * answer["weight"][:, None] for answer in answers])
        ends = np.cumsum([len(clip) for clip in batch])
        return unit(np.stack([clip.sum(axis=0) for clip in np.split(weighted, ends[:-1])]))
