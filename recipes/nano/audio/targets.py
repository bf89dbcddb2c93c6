"""From the teacher's class probabilities to what the student must say: ConSE, in the text space.

A patch's target is the mean of its likeliest classes' text vectors, weighted by probability and by what each class
is worth (Norouzi et al., "Zero-shot learning by convex combination of semantic embeddings", 2014). Its weight is
how surely something other than silence is heard, so that silence counts little in a clip that holds a sound.

The teacher says "Silence" of any sound that it cannot place, so its silence is believed only where the patch is quiet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Anchors", "Targets", "make_targets", "probabilities"]

MOST_CLASSES = 8
SILENCE = "Silence"
LEAST_WEIGHT = 0.02
LOUDEST_CELLS = 20
QUIET, AUDIBLE = -4.5, -3.5
"""Mean log-mel of a patch's loudest cells at or below which silence is believed, and above which it is not."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anchors:
    """The teacher's classes: names, unit text vectors (c x 384) and worths (c)."""

    names: tuple[str, ...]
    vectors: NDArray[np.float32]
    worth: NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """``embedding`` n x 384, unit length; ``weight`` n, from ``LEAST_WEIGHT`` to 1; ``probability`` n x c."""

    embedding: NDArray[np.float32]
    weight: NDArray[np.float32]
    probability: NDArray[np.float32]

    @classmethod
    def join(cls, parts: Sequence["Targets"]) -> "Targets":
        """One set of targets from many."""
        return cls(
            embedding=np.concatenate([part.embedding for part in parts]),
            weight=np.concatenate([part.weight for part in parts]),
            probability=np.concatenate([part.probability for part in parts]),
        )


def probabilities(logits: NDArray[np.float16]) -> NDArray[np.float32]:
    """The logistic of half-precision logits."""
    return np.asarray(1 / (1 + np.exp(-logits.astype(np.float32))), dtype=np.float32)


def make_targets(patches: NDArray[np.float16], logits: NDArray[np.float16], anchors: Anchors) -> Targets:
    """Targets for log-mel ``patches`` (n x 96 x 64) of which the teacher said ``logits`` (n x c)."""
    probability = probabilities(logits)
    strength = probability * anchors.worth
    silence = anchors.names.index(SILENCE)
    strength[:, silence] *= _quietness(patches)
    least = np.partition(strength, -MOST_CLASSES, axis=1)[:, -MOST_CLASSES, None]
    strength = np.where(strength >= least, strength, 0)
    mixed = strength @ anchors.vectors
    strength[:, silence] = 0
    return Targets(
        embedding=mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9),
        weight=np.clip(np.linalg.norm(strength @ anchors.vectors, axis=1), LEAST_WEIGHT, 1.0),
        probability=probability,
    )


def _quietness(patches: NDArray[np.float16]) -> NDArray[np.float32]:
    """One for a quiet patch, zero for an audible one, a ramp between."""
    cells = patches.reshape(len(patches), np.prod(patches.shape[1:], dtype=int))
    loudest = np.partition(cells, -LOUDEST_CELLS, axis=1)[:, -LOUDEST_CELLS:].astype(np.float32).mean(axis=1)
    return np.asarray(np.clip((AUDIBLE - loudest) / (AUDIBLE - QUIET), 0.0, 1.0), dtype=np.float32)
