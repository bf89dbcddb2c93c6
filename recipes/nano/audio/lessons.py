"""Join labels and features into what the head learns from and is judged on; held-out sounds are left out of both."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from recipes.nano.audio.features import features_of
from recipes.nano.audio.library import Library
from recipes.nano.audio.targets import Anchors, Targets, make_targets
from recipes.nano.audio.teacher import NOBODY
from recipes.nano.audio.train import Lesson

__all__ = ["Lessons", "gather_lessons"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lessons:
    """``train`` holds features; the valid patches (n x 96 x 64) come whole, with the key of each one's recording."""

    anchors: Anchors
    train: Lesson
    valid: Targets
    valid_patches: NDArray[np.float16]
    valid_keys: NDArray[np.int64]


def gather_lessons(library: Library, labels: Path, features: Path, anchors: Anchors) -> Lessons:
    """Read every shard; a patch is learnt from only if nothing that is heard in it is valid or held out.

    The teacher's opinions hold no word of a caption, so concepts that heads are tested on may be heard here.
    """
    to_train = np.concatenate([library.keys("train"), library.keys("test"), [NOBODY]])
    to_judge = library.keys("valid")
    inputs, targets, judged = [], [], []
    patches, keys = [], []
    for shard in sorted(labels.glob("*.npz")):
        with np.load(shard) as held:
            heard, sources, logits = held["patches"], held["sources"], held["logits"]
        learnt = np.isin(sources, to_train).all(axis=1)
        inputs.append(np.load(features_of(shard, features))[learnt])
        targets.append(make_targets(heard[learnt], logits[learnt], anchors))
        if shard.stem.startswith("raw"):
            valid = np.isin(sources[:, 0], to_judge)
            patches.append(heard[valid])
            keys.append(sources[valid, 0])
            judged.append(make_targets(heard[valid], logits[valid], anchors))
    return Lessons(
        anchors=anchors,
        train=Lesson(inputs=np.concatenate(inputs), targets=Targets.join(targets), words=anchors.vectors),
        valid=Targets.join(judged),
        valid_patches=np.concatenate(patches),
        valid_keys=np.concatenate(keys),
    )
