"""The audio tower: a clip is the weighted mean of its log-mel patches' vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from commonspace.core.item import Audio, Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.nano.mel import MelSpec, log_mel_patches
from commonspace.encode.runtime import Graph
from commonspace.encode.tower import Features

__all__ = ["AudioPreparation", "AudioTower"]

MAX_BATCH = 16


@final
@dataclass(frozen=True, slots=True)
class AudioPreparation:
    """Mono sound at the spec's rate to log-mel patches (patches x frames x bands)."""

    spec: MelSpec

    def __call__(self, content: Content) -> Features:
        """Compute one clip's patches."""
        if not isinstance(content, Audio):
            raise TypeError(f"an audio tower takes Audio, not {type(content).__name__}")
        return log_mel_patches(content.array.astype(np.float32, copy=False), self.spec)


@final
class AudioTower:
    """Patches of all clips share batches; each clip's vector is made of its own patches alone."""

    modality = Modality.AUDIO

    def __init__(self, graph: Graph, prepare: AudioPreparation) -> None:
        self._graph = graph
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode clips' patches to unit vectors, one row a clip, in order."""
        patches = np.concatenate(batch).astype(np.float32, copy=False)
        starts = range(0, len(patches), MAX_BATCH)
        answers = self._graph.run([{"patches": patches[start : start + MAX_BATCH]} for start in starts])
        weighted = np.concatenate([answer["embedding"] * answer["weight"][:, None] for answer in answers])
        ends = np.cumsum([len(clip) for clip in batch])
        return unit(np.stack([clip.sum(axis=0) for clip in np.split(weighted, ends[:-1])]))
