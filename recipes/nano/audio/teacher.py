"""Ask the teacher (YAMNet) what each patch sounds like, in shards on disk, so that a stopped run goes on.

Two kinds of shard: ``raw`` patches, straight from the recordings, and ``scene`` patches, made by ``scenes`` from
recordings drawn so that rare sounds come as often as common ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from commonspace.encode.nano.mel import log_mel_patches
from recipes.nano.audio.library import Library
from recipes.nano.audio.scenes import SCENE_SAMPLES, make_scene

__all__ = ["NOBODY", "Shard", "Teacher", "balanced_weights", "label_raw", "label_scenes", "read_shards"]

RAW_PATCHES_A_FILE = 6
RAW_SHARD = 500
SCENE_SHARD = 2_000
NOBODY = -1


class Teacher:
    """YAMNet through LiteRT: one patch of sound to 521 logits."""

    def __init__(self, model: Path) -> None:
        self._interpreter = Interpreter(model_path=str(model), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._scores = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of one scene (``SCENE_SAMPLES`` samples)."""
        self._interpreter.set_tensor(self._input, sound[None])
        self._interpreter.invoke()
        p = np.clip(self._interpreter.get_tensor(self._scores)[0].astype(np.float64), 1e-9, 1 - 1e-7)
        return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float32)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shard:
    """Labelled patches: float16 log-mels (n x 96 x 64) and logits (n x 521), and who is heard in each (n x 3).

    ``sources`` are keys of recordings, -1 where nobody is heard.
    """

    patches: NDArray[np.float16]
    logits: NDArray[np.float16]
    sources: NDArray[np.int64]

    @classmethod
    def join(cls, shards: Sequence["Shard"]) -> "Shard":
        """One shard from many."""
        return cls(
            patches=np.concatenate([shard.patches for shard in shards]),
            logits=np.concatenate([shard.logits for shard in shards]),
            sources=np.concatenate([shard.sources for shard in shards]),
        )


def read_shards(folder: Path, kind: str) -> Shard:
    """Everything labelled so far of one kind."""
    shards = []
    for path in sorted(folder.glob(f"{kind}-*.npz")):
        with np.load(path) as held:
            shards.append(Shard(patches=held["patches"], logits=held["logits"], sources=held["sources"]))
    return Shard.join(shards)


def label_raw(library: Library, teacher: Teacher, folder: Path) -> Iterator[int]:
    """Label whole recordings, up to ``RAW_PATCHES_A_FILE`` places each; yields the recordings done in each shard."""
    for package in dict.fromkeys(recording.package for recording in library.recordings):
        numbers = [n for n in library.offered() if library.recordings[n].package == package]
        for first in range(0, len(numbers), RAW_SHARD):
            path = folder / f"raw-{package}-{first // RAW_SHARD:03d}.npz"
            chosen = numbers[first : first + RAW_SHARD]
            if not path.exists():
                scenes = [
                    (scene, (library.recordings[number].key,))
                    for number in chosen
                    for scene in _cuts(library.sound(number))
                ]
                _write(path, _label(scenes, teacher))
            yield len(chosen)


def label_scenes(
    library: Library, teacher: Teacher, folder: Path, *, numbers: Sequence[int], seed: int
) -> Iterator[int]:
    """Make and label the numbered shards of scenes; yields the patches done in each."""
    weights = balanced_weights(library, read_shards(folder, "raw"))
    for number in numbers:
        path = folder / f"scene-{number:04d}.npz"
        if not path.exists():
            rng = np.random.default_rng((seed, number))
            _write(path, _label([_scene(rng, library, weights) for _ in range(SCENE_SHARD)], teacher))
        yield SCENE_SHARD


def balanced_weights(library: Library, raw: Shard) -> NDArray[np.float64]:
    """How often to draw each recording: zero outside train, else one over the root of its class's count."""
    best = np.full(len(library.recordings), -1)
    for number, recording in enumerate(library.recordings):
        rows = raw.sources[:, 0] == recording.key
        if rows.any():
            best[number] = raw.logits[rows].astype(np.float32).max(axis=0).argmax()
    count = np.bincount(best + 1, minlength=522)
    train = np.array([split == "train" for split in library.split]) & (best >= 0)
    weights = np.where(train, 1 / np.sqrt(np.maximum(count[best + 1], 1)), 0.0)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _scene(
    rng: np.random.Generator, library: Library, weights: NDArray[np.float64]
) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    heard: list[int] = []

    def pick(generator: np.random.Generator) -> NDArray[np.float32]:
        number = int(generator.choice(weights.size, p=weights))
        heard.append(library.recordings[number].key)
        return library.sound(number)

    return make_scene(rng, pick), tuple(heard)


def _cuts(sound: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Scenes at even places of one recording; a short one is followed by zeros."""
    last = max(0, sound.size - SCENE_SAMPLES)
    num_cuts = min(RAW_PATCHES_A_FILE, 1 + last // SCENE_SAMPLES)
    for start in np.linspace(0, last, num_cuts).astype(int):
        cut = sound[start : start + SCENE_SAMPLES]
        yield np.pad(cut, (0, SCENE_SAMPLES - cut.size))


def _label(scenes: Sequence[tuple[NDArray[np.float32], tuple[int, ...]]], teacher: Teacher) -> Shard:
    sources = np.full((len(scenes), 3), NOBODY, dtype=np.int64)
    for row, (_, heard) in enumerate(scenes):
        sources[row, : len(heard)] = heard
    return Shard(
        patches=np.stack([log_mel_patches(sound)[0] for sound, _ in scenes]).astype(np.float16),
        logits=np.stack([teacher(sound) for sound, _ in scenes]).astype(np.float16),
        sources=sources,
    )


def _write(path: Path, shard: Shard) -> None:
    """Write beside, then rename, so that a shard is whole or absent."""
    beside = path.with_suffix(".part.npz")
    np.savez(beside, patches=shard.patches, logits=shard.logits, sources=shard.sources)
    beside.rename(path)
