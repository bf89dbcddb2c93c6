"""How good is a tower? Agreement with the teacher on unheard files, and sounds grouped by words alone.

It knows only arrays: vectors, the teacher's targets, and which clip each window belongs to.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from recipes.nano.audio.targets import Anchors, Targets

__all__ = ["GROUPS", "Agreement", "Hear", "Heard", "agreement", "clip_vectors", "group_accuracy", "group_of"]

Vectors = NDArray[np.float32]
Hear = Callable[[NDArray[np.float32]], "Heard"]

GROUPS = {
    "silence": ("silence", "no sound at all"),
    "speech": ("a person speaking", "human speech"),
    "music": ("music playing", "a musical instrument"),
    "animals": ("an animal", "animal sounds", "a bird, dog, cat, horse or cow calling"),
    "weather": ("weather", "rain, wind or thunder"),
    "vehicles": ("a vehicle", "an engine, a car, a train or an aircraft"),
    "tools": ("tools", "hammering, sawing or drilling"),
}
"""Prompts of the zero-shot grouping test; a group's vector is the mean of its prompts'."""

_SIGNS = (
    ("silence", r"^own-synthesis/silence"),
    ("speech", r"^(asterisk-core|klettres)|^own-synthesis/speech"),
    ("music", r"^own-synthesis/phrase|opsound|/(celtica|celticpride|easterndreams|sunrise|music.*|guitarmelody)$"),
    ("music", r"/(organ|violin|flutetraversiere|latinguitar|flute|loopamenfull|guitem|drumroll|clav)$"),
    ("animals", r"/(elephant.*|lion.*|horse|owl|dog|cow|ox|wolf|duck|sheep|sheepfield|farmanimal|bulldie)$"),
    ("animals", r"/(frogs|hawk|misccrow|completekennel|selkennel|completecorral|gobble|lrfrogs.*)$"),
    ("weather", r"/(rain|thunder|snowstorm|wind)$|^own-synthesis/(rain|wind|thunder)"),
    ("vehicles", r"/(train|carhorn|helicopter|cessna|f)$|^own-synthesis/(rotor|engine)|^torcs|^trigger-rally.*engine"),
    ("tools", r"/(hammering|sawing|sawmill|minestone|lumberjack|stonemason)$|^own-synthesis/(saw|power)"),
)  # fmt: skip
"""What a file's package and bare name say about its group; the rest take no part in the test."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heard:
    """A tower's answer: ``embedding`` n x 384, unit length; ``weight`` n."""

    embedding: Vectors
    weight: NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Means over windows of unheard files; ``confident`` ones are those where the teacher gives a class 0.5."""

    num_windows: int
    num_confident: int
    cosine: float
    cosine_confident: float
    top1: float
    top1_confident: float
    weight_correlation: float


def group_of(stem: str) -> str | None:
    """The group that ``stem`` (package/bare name) belongs to, if its name says so."""
    return next((group for group, sign in _SIGNS if re.search(sign, stem)), None)


def agreement(heard: Heard, targets: Targets, anchors: Anchors) -> Agreement:
    """Compare with the teacher's targets; *top-1* asks whether the nearest class vector is the target's nearest."""
    cosine = (heard.embedding * targets.embedding).sum(axis=1)
    mine, theirs = ((rows @ anchors.vectors.T).argmax(axis=1) for rows in (heard.embedding, targets.embedding))
    sure = targets.probability.max(axis=1) >= 0.5
    return Agreement(
        num_windows=len(cosine),
        num_confident=int(sure.sum()),
        cosine=float(cosine.mean()),
        cosine_confident=float(cosine[sure].mean()),
        top1=float((mine == theirs).mean()),
        top1_confident=float((mine == theirs)[sure].mean()),
        weight_correlation=float(np.corrcoef(heard.weight, targets.weight)[0, 1]),
    )


def clip_vectors(heard: Heard, clips: NDArray[np.int64]) -> Vectors:
    """One unit vector a clip (in the order of their sorted numbers): the weighted mean over its windows."""
    _, which = np.unique(clips, return_inverse=True)
    total = np.zeros((which.max() + 1, heard.embedding.shape[1]), dtype=np.float32)
    np.add.at(total, which, heard.embedding * heard.weight[:, None])
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True), dtype=np.float32)


def group_accuracy(vectors: Vectors, groups: list[str], prompts: Vectors) -> dict[str, tuple[int, int]]:
    """How many clips of each group lie nearest their own group's ``prompts`` row: name to (right, all)."""
    names = list(GROUPS)
    best = (vectors @ prompts.T).argmax(axis=1)
    return {
        name: (sum(names[b] == name for b, g in zip(best, groups, strict=True) if g == name), groups.count(name))
        for name in names
        if name in groups
    }
