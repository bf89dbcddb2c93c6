"""From the teacher's class probabilities to what the student must say: ConSE, in the text space.

The teacher hears patches, of which a window holds up to three. A patch's vector is the mean of its likeliest classes'
text vectors, weighted by probability and by what each class is worth (Norouzi et al., "Zero-shot learning by convex
combination of semantic embeddings", 2014); its weight is how surely something other than silence is heard. A window's
vector is the weighted mean of its patches'; its weight, and each class's probability, are those of the surest patch.

The teacher says "Silence" of any sound that it cannot place, so its silence is believed only where the patch is quiet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNHEARD", "Anchors", "Targets", "loudness", "make_targets", "probabilities"]

MOST_CLASSES = 8
SILENCE = "Silence"
LEAST_WEIGHT = 0.02
LOUDEST_CELLS = 20
QUIET, AUDIBLE = -4.5, -3.5
"""Loudness of a patch at or below which silence is believed, and above which it is not."""
UNHEARD = -80.0
"""No logit is lower than this; those of a patch that is not there are all so low."""


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
    return np.asarray(1 / (1 + np.exp(-np.maximum(logits.astype(np.float32), UNHEARD))), dtype=np.float32)


def loudness(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of each patch's loudest cells (log-mel patches n x 96 x 64)."""
    cells = patches.reshape(len(patches), np.prod(patches.shape[1:], dtype=int))
    return np.asarray(np.partition(cells, -LOUDEST_CELLS, axis=1)[:, -LOUDEST_CELLS:].mean(axis=1), dtype=np.float32)


def make_targets(logits: NDArray[np.float16], loud: NDArray[np.float16], anchors: Anchors) -> Targets:
    """Targets for windows of whose patches (n x p) the teacher said ``logits`` (n x p x c); ``loud`` is their loudness.

    A patch that is not there has logits of `UNHEARD` and takes no part.
    """
    num_windows, num_patches, num_classes = logits.shape
    probability = probabilities(logits.reshape(-1, num_classes))
    strength = probability * anchors.worth
    silence = anchors.names.index(SILENCE)
    strength[:, silence] *= np.clip((AUDIBLE - loud.reshape(-1).astype(np.float32)) / (AUDIBLE - QUIET), 0.0, 1.0)
    least = np.partition(strength, -MOST_CLASSES, axis=1)[:, -MOST_CLASSES, None]
    strength = np.where(strength >= least, strength, 0)
    said = _unit(strength @ anchors.vectors)
    strength[:, silence] = 0
    weight = np.clip(np.linalg.norm(strength @ anchors.vectors, axis=1), LEAST_WEIGHT, 1.0)
    there = (logits[:, :, 0] > UNHEARD).reshape(-1)
    mixed = (said * (weight * there)[:, None]).reshape(num_windows, num_patches, anchors.vectors.shape[1]).sum(axis=1)
    return Targets(
        embedding=_unit(mixed),
        weight=weight.reshape(num_windows, num_patches).max(axis=1),
        probability=probability.reshape(num_windows, num_patches, num_classes).max(axis=1),
    )


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)
