"""Audio towers for checkpoints: windows of a clip share batches with others', waveforms only with equally long ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.item import Audio, Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.runtime import Graph
from commonspace.encode.tower import Features, Preparation

__all__ = ["EqualLengthTower", "WaveformPreparation", "WindowTower"]

MAX_BATCH: Final = 8
LEAST_VARIANCE: Final = 1e-7

Arrays = Mapping[str, NDArray[Any]]
Join = Callable[[Sequence[Features]], Arrays]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WaveformPreparation:
    """Mono sound to samples (n, float32), of zero mean and unit variance where the model was trained so.

    A clip that is shorter than one frame of the network is followed by silence.
    """

    rate_hertz: int
    normalised: bool
    least_samples: int

    def __call__(self, content: Content) -> Features:
        """Scale one clip."""
        if not isinstance(content, Audio):
            raise TypeError(f"an audio tower takes Audio, not {type(content).__name__}")
        samples = content.array.astype(np.float32, copy=False)
        if self.normalised:
            samples = (samples - samples.mean()) / np.sqrt(samples.var() + LEAST_VARIANCE)
        return np.pad(samples, (0, max(0, self.least_samples - len(samples))))


def stacked_samples(clips: Sequence[Features]) -> Arrays:
    """Clips of one length as ``samples`` (n x length)."""
    return {"samples": np.stack(clips)}


@final
class EqualLengthTower:
    """Clips of one length share a batch, so that there is no padding that could change what a network hears.

    ``joined`` makes a batch of at most ``most`` clips into what the graph takes.
    """

    modality = Modality.AUDIO

    def __init__(
        self, graph: Graph, prepare: Preparation, *, joined: Join = stacked_samples, most: int = MAX_BATCH
    ) -> None:
        self._graph = graph
        self._joined = joined
        self._most = most
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode clips to unit vectors, one row a clip, in order."""
        order = sorted(range(len(batch)), key=lambda place: len(batch[place]))
        groups = [
            places[start : start + self._most]
            for _, group in groupby(order, key=lambda place: len(batch[place]))
            for places in [list(group)]
            for start in range(0, len(places), self._most)
        ]
        answers = self._graph.run([self._joined([batch[place] for place in places]) for places in groups])
        rows = np.concatenate([answer["embedding"] for answer in answers])
        vectors = np.empty_like(rows)
        vectors[[place for places in groups for place in places]] = rows
        return vectors


@final
class WindowTower:
    """Windows of all clips share batches; a clip of several is the mean of their vectors, scaled to length one.

    Features are windows x channels x frames x bands. ``num_channels`` is what the network takes: a window with one
    channel is given as often, and the network is told that it is not ``long``.
    """

    modality = Modality.AUDIO

    def __init__(self, graph: Graph, prepare: Preparation, *, num_channels: int = 1) -> None:
        self._graph = graph
        self._num_channels = num_channels
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode clips' windows to unit vectors, one row a clip, in order."""
        windows = [window for clip in batch for window in clip]
        starts = range(0, len(windows), MAX_BATCH)
        answers = self._graph.run([self._stacked(windows[start : start + MAX_BATCH]) for start in starts])
        rows = np.concatenate([answer["embedding"] for answer in answers])
        ends = np.cumsum([len(clip) for clip in batch])
        return np.stack([_one(clip) for clip in np.split(rows, ends[:-1])])

    def _stacked(self, windows: Sequence[Features]) -> Arrays:
        if self._num_channels == 1:
            return {"windows": np.stack(windows)}
        shape = (self._num_channels, *windows[0].shape[1:])
        return {
            "windows": np.stack([np.broadcast_to(window, shape) for window in windows]),
            "long": np.array([len(window) > 1 for window in windows]),
        }


def _one(rows: Vectors) -> NDArray[np.float32]:
    only: NDArray[np.float32] = rows[0] if len(rows) == 1 else unit(rows.mean(axis=0, keepdims=True))[0]
    return only
