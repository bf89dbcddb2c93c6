"""Which hubness correction helps, if any: chosen on some concepts, believed only if it helps on others."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.retrieve.hubness import Bank, Estimator
from commonspace.retrieve.labelled import Labelled, Matched, matched

__all__ = ["candidates", "choose_bank", "halves", "mean_reciprocal_rank"]

LEAST_GAIN = 0.005
"""Mean reciprocal rank that unseen concepts must gain: what is within noise is switched off."""

Sides = Mapping[Modality, Labelled]


def candidates(vectors: Vectors) -> Iterator[Bank]:
    """The corrections that are tried over one bank."""
    for k in sorted({min(k, len(vectors)) for k in (8, 32, 128)}):
        for strength in (0.25, 0.5, 0.75, 1.0):
            yield Bank(vectors=vectors, estimator=Estimator.NEAREST, strength=strength, k=k)
    for sharpness in (10.0, 20.0, 40.0):
        for strength in (0.5, 1.0):
            yield Bank(vectors=vectors, estimator=Estimator.SOFTMAX, strength=strength, sharpness=sharpness)
    for strength in (0.5, 1.0):
        yield Bank(vectors=vectors, estimator=Estimator.MEAN, strength=strength)


def choose_bank(tower: Modality, sides: Sides, vectors: Vectors, *, seed: int) -> Bank | None:
    """The correction of one tower's items that ranks best over queries of every modality; None where none helps.

    Concepts are split in half: the best on one half is tried on the other, both ways. Unless the mean gain there is at
    least ``LEAST_GAIN``, the answer is None; else it is the best on all concepts. ``vectors`` must not be of the
    queries in ``sides``: a bank that knows the questions flatters itself.
    """
    tried = list(candidates(vectors))
    first, second = (_qualities(tower, half, tried) for half in halves(sides, seed=seed))
    gains = [there[1 + int(np.argmax(here[1:]))] - there[0] for here, there in ((first, second), (second, first))]
    if float(np.mean(gains)) < LEAST_GAIN:
        return None
    return tried[int(np.argmax(_qualities(tower, sides, tried)[1:]))]


def halves(sides: Sides, *, seed: int) -> tuple[dict[Modality, Labelled], dict[Modality, Labelled]]:
    """The same modalities over two disjoint halves of the concepts."""
    concepts = sorted({concept for side in sides.values() for concept in side.concepts})
    order = np.random.default_rng(seed).permutation(len(concepts))
    chosen = {concepts[place] for place in order[: len(concepts) // 2]}
    return (
        {modality: side.where(lambda concept: concept in chosen) for modality, side in sides.items()},
        {modality: side.where(lambda concept: concept not in chosen) for modality, side in sides.items()},
    )


def mean_reciprocal_rank(pairs: Matched) -> float:
    """The mean of 1 / rank of each query's best relevant item, ties counted against it; higher is better."""
    best = pairs.best(right=True)[:, None]
    ahead = ((pairs.scores >= best) & pairs.counted & ~pairs.relevant).sum(axis=1)
    return float(np.mean(1.0 / (1 + ahead))) if len(ahead) else 0.0


def _qualities(tower: Modality, sides: Sides, tried: Sequence[Bank]) -> list[float]:
    """Mean reciprocal rank of the tower's items uncorrected, then with each bank; query modalities count alike."""
    items = sides[tower]
    plain = [matched(side, items) for side in sides.values()]
    biases = [np.zeros(len(items.vectors), np.float32), *(bank.bias(items.vectors) for bank in tried)]
    return [float(np.mean([mean_reciprocal_rank(pairs.less(bias)) for pairs in plain])) for bias in biases]
