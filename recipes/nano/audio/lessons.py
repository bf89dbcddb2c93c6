"""Join what was heard into what the student learns from and is judged on; held-out sounds are left out of both."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.encode.nano.mel import log_mel_windows
from recipes.nano.audio.library import Library
from recipes.nano.audio.shards import NOBODY, read_shards
from recipes.nano.audio.targets import Anchors, Targets, make_targets
from recipes.nano.audio.teacher import RAW_SPEC
from recipes.nano.audio.train import Lesson

__all__ = ["Lessons", "gather_lessons", "windows_of"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lessons:
    """``train`` holds features; the valid windows have targets, and the key of each one's recording."""

    anchors: Anchors
    train: Lesson
    valid: Targets
    valid_keys: NDArray[np.int64]


def gather_lessons(library: Library, heard: Path, anchors: Anchors) -> Lessons:
    """Read every shard; a window is learnt from only if nothing that is heard in it is valid or held out.

    The teacher's opinions hold no word of a caption, so concepts that heads are tested on may be heard here.
    """
    to_train = np.concatenate([library.keys("train"), library.keys("test"), [NOBODY]])
    to_judge = library.keys("valid")
    inputs, targets, judged, keys = [], [], [], []
    for kind in ("raw", "scene"):
        for shard in read_shards(heard, kind):
            learnt = np.isin(shard.sources, to_train).all(axis=1)
            inputs.append(shard.features[learnt])
            targets.append(make_targets(shard.logits[learnt], shard.loud[learnt], anchors))
            valid = np.isin(shard.sources[:, 0], to_judge) & (kind == "raw")
            keys.append(shard.sources[valid, 0])
            judged.append(make_targets(shard.logits[valid], shard.loud[valid], anchors))
    return Lessons(
        anchors=anchors,
        train=Lesson(inputs=np.concatenate(inputs), targets=Targets.join(targets), words=anchors.vectors),
        valid=Targets.join(judged),
        valid_keys=np.concatenate(keys),
    )


def windows_of(library: Library, keys: NDArray[np.int64]) -> NDArray[np.float32]:
    """The windows of recordings whose keys follow one another, a key a window, as they were heard."""
    numbers = {recording.key: number for number, recording in enumerate(library.recordings)}
    order = dict.fromkeys(keys.tolist())
    return np.concatenate([log_mel_windows(library.sound(numbers[key]), RAW_SPEC) for key in order])
