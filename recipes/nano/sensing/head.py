"""The sensor head: ridge regression from a recording's features to the mean of what may be said of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.align.posthoc import Affine, ridge
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.embedder import Embedder
from commonspace.encode.projection import Projection
from commonspace.encode.sensing.sensor import NUM_FEATURES, SensorPreparation, SensorTower
from recipes.nano.sensing.concepts import Concept
from recipes.nano.sensing.recordings import captions, made

__all__ = ["STRENGTHS", "Lessons", "Scaling", "learn", "lessons", "said", "tower_of", "vectors_of"]

STRENGTHS = (0.001, 0.01, 0.1)
LEAST_SPREAD = 1e-3
Rows = NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lessons:
    """Features of recordings (n x ``NUM_FEATURES``) and the concept of each."""

    features: Rows
    concepts: tuple[str, ...]

    def of(self, concepts: Iterable[str]) -> "Lessons":
        """Those of some concepts only."""
        wanted = set(concepts)
        kept = [place for place, concept in enumerate(self.concepts) if concept in wanted]
        return Lessons(features=self.features[kept], concepts=tuple(self.concepts[place] for place in kept))


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaling:
    """What features are centred and divided by: a feature that hardly varies in the lessons is divided by one."""

    mean: Rows
    spread: Rows

    @classmethod
    def of(cls, features: Rows) -> "Scaling":
        """That of these rows."""
        spread = features.std(axis=0)
        return cls(mean=features.mean(axis=0), spread=np.where(spread < LEAST_SPREAD, 1, spread).astype(np.float32))


def lessons(concepts: Sequence[Concept], count: int, *, seed: int, learned: bool) -> Lessons:
    """Make so many recordings of each concept and measure them."""
    prepare = SensorPreparation()
    rows, keys = [], []
    for concept in concepts:
        for recording in made(concept, count, seed=seed, learned=learned):
            rows.append(prepare(recording.trace))
            keys.append(concept.key)
    return Lessons(features=np.stack(rows).astype(np.float32), concepts=tuple(keys))


def said(embedder: Embedder, concepts: Sequence[Concept]) -> dict[str, NDArray[np.float32]]:
    """For each concept the unit mean of the vectors of what may be learned of it."""
    return {
        concept.key: unit(embedder.embed(captions(concept, learned=True)).mean(axis=0, keepdims=True))[0]
        for concept in concepts
    }


def learn(
    train: Lessons, valid: Lessons, targets: dict[str, Rows], strengths: Sequence[float] = STRENGTHS
) -> tuple[Affine, Scaling, float]:
    """The head whose strength puts most valid recordings next to their own concept's words; the smallest of equals."""
    scaling = Scaling.of(train.features)
    x, y = _scaled(train, scaling), np.stack([targets[key] for key in train.concepts])
    names = sorted(set(valid.concepts))
    words = np.stack([targets[name] for name in names])
    right = np.array([names.index(key) for key in valid.concepts])
    tried = []
    for strength in strengths:
        alignment = ridge(x, y, strength=strength)
        scores = alignment.x(_scaled(valid, scaling)) @ words.T
        margin = scores[np.arange(len(right)), right] - np.sort(scores, axis=1)[:, -2]
        tried.append((float((scores.argmax(axis=1) == right).mean()), float(margin.mean()), strength, alignment.x_map))
    best = max(tried, key=lambda each: each[:2])
    return best[3], scaling, best[2]


def tower_of(head: Affine, scaling: Scaling) -> SensorTower:
    """The product's tower with this head."""
    weights = {"skip.weight": head.weight.T.astype(np.float32), "skip.bias": head.offset.astype(np.float32)}
    projection = Projection(
        kind="linear",
        inputs=NUM_FEATURES,
        outputs=len(head.offset),
        base=0,
        num_blocks=0,
        fingerprint="",
        weights=weights,
    )
    return SensorTower(projection, scaling.mean, scaling.spread)


def vectors_of(tower: SensorTower, held: Lessons) -> Vectors:
    """Unit rows of recordings."""
    return tower.encode(list(held.features))


def _scaled(held: Lessons, scaling: Scaling) -> Rows:
    return np.asarray(np.clip((held.features - scaling.mean) / scaling.spread, -4, 4).astype(np.float32))
