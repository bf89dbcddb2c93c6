"""Hear sounds window by window, in shards on disk: what the encoder says of each, and what the teacher (YAMNet) does.

Two kinds of shard: ``raw`` windows, straight from the recordings, and ``scene`` windows, made by ``scenes`` from
recordings drawn so that rare sounds come as often as common ones. A stopped run goes on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np
import openvino
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from commonspace.encode.nano.mel import log_mel_windows, window_starts
from recipes.nano.audio.encoder import SPEC
from recipes.nano.audio.library import Library
from recipes.nano.audio.patches import PatchSpec, log_mel_patches
from recipes.nano.audio.scenes import make_scene
from recipes.nano.audio.shards import NOBODY, NUM_CLASSES, PATCHES_A_WINDOW, Shard, read_shards
from recipes.nano.audio.targets import UNHEARD, loudness

__all__ = ["RAW_SPEC", "Listener", "Teacher", "balanced_weights", "hear_raw", "hear_scenes"]

RAW_SPEC = replace(SPEC, max_windows=6)
"""Of a recording no more windows are learned from than these."""
RAW_SHARD = 500
SCENE_SHARD = 1_000
PATCH_SAMPLES = PatchSpec().patch_samples
PATCH_HOP = 8_200
"""`PATCHES_A_WINDOW` fill a window of two seconds."""
BATCH = 8

Sound = NDArray[np.float32]
Scene = tuple[Sound, tuple[int, ...]]
"""A sound, and the keys of the recordings that are heard in it."""


class Teacher:
    """YAMNet through LiteRT: one patch of sound to 521 logits."""

    def __init__(self, model: Path) -> None:
        self._interpreter = Interpreter(model_path=str(model), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._scores = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, sound: Sound) -> NDArray[np.float32]:
        """Logits of one patch (`PATCH_SAMPLES` samples)."""
        self._interpreter.set_tensor(self._input, sound[None])
        self._interpreter.invoke()
        p = np.clip(self._interpreter.get_tensor(self._scores)[0].astype(np.float64), 1e-9, 1 - 1e-7)
        return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float32)


@final
class Listener:
    """The encoder's graph and the teacher, side by side."""

    def __init__(self, reader: Path, teacher: Teacher) -> None:
        # bfloat16 where the processor has it: these are lessons, not vectors that anybody compares.
        self._network = openvino.Core().compile_model(str(reader), "CPU", {"INFERENCE_NUM_THREADS": 1})
        self._teacher = teacher

    def hear(self, scenes: Sequence[Scene]) -> Shard:
        """Every window of every scene."""
        windows = [log_mel_windows(sound, RAW_SPEC) for sound, _ in scenes]
        said = [self._said(cut) for sound, _ in scenes for cut in _cuts(sound)]
        owners = np.repeat(np.arange(len(scenes)), [len(each) for each in windows])
        sources = np.full((len(scenes), 3), NOBODY, dtype=np.int64)
        for row, (_, heard) in enumerate(scenes):
            sources[row, : len(heard)] = heard
        return Shard(
            features=self._features(np.concatenate(windows)),
            logits=np.stack([logits for logits, _ in said]).astype(np.float16),
            loud=np.stack([loud for _, loud in said]).astype(np.float16),
            sources=sources[owners],
        )

    def _features(self, windows: NDArray[np.float32]) -> NDArray[np.float16]:
        batches = range(0, len(windows), BATCH)
        return np.concatenate([self._network(windows[i : i + BATCH])[0].astype(np.float16) for i in batches])

    def _said(self, cut: Sound) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the teacher says of a window's patches, and how loud they are."""
        last = max(0, cut.size - PATCH_SAMPLES)
        starts = np.linspace(0, last, 1 + -(-last // PATCH_HOP)).astype(int)
        patches = [cut[start : start + PATCH_SAMPLES] for start in starts]
        patches = [np.pad(patch, (0, PATCH_SAMPLES - patch.size)) for patch in patches]
        logits = np.full((PATCHES_A_WINDOW, NUM_CLASSES), UNHEARD, dtype=np.float32)
        loud = np.zeros(PATCHES_A_WINDOW, dtype=np.float32)
        logits[: len(patches)] = [self._teacher(patch) for patch in patches]
        loud[: len(patches)] = loudness(np.concatenate([log_mel_patches(patch) for patch in patches]))
        return logits, loud


def hear_raw(library: Library, listener: Listener, folder: Path) -> Iterator[int]:
    """Hear whole recordings; yields the recordings done in each shard."""
    for package in dict.fromkeys(recording.package for recording in library.recordings):
        numbers = [n for n in library.offered() if library.recordings[n].package == package]
        for first in range(0, len(numbers), RAW_SHARD):
            path = folder / f"raw-{package}-{first // RAW_SHARD:03d}.npz"
            chosen = numbers[first : first + RAW_SHARD]
            if not path.exists():
                listener.hear([(library.sound(n), (library.recordings[n].key,)) for n in chosen]).write(path)
            yield len(chosen)


def hear_scenes(
    library: Library, listener: Listener, folder: Path, *, numbers: Sequence[int], seed: int
) -> Iterator[int]:
    """Make and hear the numbered shards of scenes; yields the scenes done in each."""
    weights = balanced_weights(library, read_shards(folder, "raw"))
    for number in numbers:
        path = folder / f"scene-{number:04d}.npz"
        if not path.exists():
            rng = np.random.default_rng((seed, number))
            listener.hear([_scene(rng, library, weights) for _ in range(SCENE_SHARD)]).write(path)
        yield SCENE_SHARD


def balanced_weights(library: Library, raw: Iterator[Shard]) -> NDArray[np.float64]:
    """How often to draw each recording: zero outside train, else one over the root of its class's count."""
    peaks: dict[int, NDArray[np.float16]] = {}
    for shard in raw:
        for key, logits in zip(shard.sources[:, 0].tolist(), shard.logits.max(axis=1), strict=True):
            peaks[key] = np.maximum(peaks[key], logits) if key in peaks else logits
    best = np.array([peaks[item.key].argmax() if item.key in peaks else -1 for item in library.recordings])
    count = np.bincount(best + 1, minlength=NUM_CLASSES + 1)
    train = np.array([split == "train" for split in library.split]) & (best >= 0)
    weights = np.where(train, 1 / np.sqrt(np.maximum(count[best + 1], 1)), 0.0)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _scene(rng: np.random.Generator, library: Library, weights: NDArray[np.float64]) -> Scene:
    heard: list[int] = []

    def pick(generator: np.random.Generator) -> Sound:
        number = int(generator.choice(weights.size, p=weights))
        heard.append(library.recordings[number].key)
        return library.sound(number)

    return make_scene(rng, pick), tuple(heard)


def _cuts(sound: Sound) -> Iterator[Sound]:
    """The samples of each window; a short sound as it is."""
    for start in window_starts(sound.size, RAW_SPEC):
        yield sound[start : start + RAW_SPEC.window_samples]
