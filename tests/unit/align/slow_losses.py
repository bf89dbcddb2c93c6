"""The losses as slow loops over plain numbers, typed from their papers, and rows to try them on."""

from math import exp, log, sqrt

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "dot",
    "mask",
    "rows",
    "slow_hard",
    "slow_info_nce",
    "slow_relation",
    "slow_sigmoid",
    "slow_softmax",
    "slow_structure",
    "slow_unit",
    "slow_walks",
]


def rows(num: int, dimension: int, seed: int) -> Tensor:
    """Unit rows in double precision."""
    drawn = torch.randn(num, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return functional.normalize(drawn, dim=1)


def mask(num: int, width: int, seed: int) -> Tensor:
    """About half of the pairs, the diagonal as it falls."""
    return torch.rand(num, width, generator=torch.Generator().manual_seed(seed)) < 0.5


def dot(a: list[float], b: list[float]) -> float:
    return sum(left * right for left, right in zip(a, b, strict=True))


def slow_unit(a: list[float]) -> list[float]:
    length = sqrt(dot(a, a))
    return [value / length for value in a]


def slow_softmax(a: list[float]) -> list[float]:
    powers = [exp(value) for value in a]
    return [power / sum(powers) for power in powers]


def slow_info_nce(queries: Tensor, keys: Tensor, temperature: float, keep: Tensor | None = None) -> float:
    total = 0.0
    for i, query in enumerate(queries.tolist()):
        positive, others = 0.0, 0.0
        for j, key in enumerate(keys.tolist()):
            if j == i:
                positive = exp(dot(query, key) / temperature)
            elif keep is None or bool(keep[i, j]):
                others += exp(dot(query, key) / temperature)
        total -= log(positive / (positive + others))
    return total / len(queries)


def slow_sigmoid(a: Tensor, b: Tensor, scale: float, bias: float, keep: Tensor | None = None) -> float:
    total = 0.0
    for i, left in enumerate(a.tolist()):
        for j, right in enumerate(b.tolist()):
            if i != j and keep is not None and not bool(keep[i, j]):
                continue
            z = 1 if i == j else -1
            total -= log(1 / (1 + exp(-z * (scale * dot(left, right) + bias))))
    return total / len(a)


def slow_relation(student: Tensor, teacher: Tensor, anchors: Tensor, seen: Tensor, temperature: float) -> float:
    total = 0.0
    for one, other in zip(student.tolist(), teacher.tolist(), strict=True):
        p = slow_softmax([dot(other, anchor) / temperature for anchor in seen.tolist()])
        q = slow_softmax([dot(one, anchor) / temperature for anchor in anchors.tolist()])
        total += sum(wanted * log(wanted / found) for wanted, found in zip(p, q, strict=True))
    return total / len(student)


def slow_walks(features: Tensor, level: int, temperature: float) -> list[list[float]]:
    """The chances of being at j after ``level`` steps from i, step by step."""
    scaled = [slow_unit(row) for row in features.tolist()]
    middle = [sum(column) / len(scaled) for column in zip(*scaled, strict=True)]
    centred = [[value - mean for value, mean in zip(row, middle, strict=True)] for row in scaled]
    step = [slow_softmax([dot(one, other) / temperature for other in centred]) for one in centred]
    walk = step
    for _ in range(level - 1):
        walk = [[sum(row[k] * step[k][j] for k in range(len(step))) for j in range(len(step))] for row in walk]
    return walk


def slow_structure(before: Tensor, after: Tensor, levels: int, temperature: float) -> float:
    total = 0.0
    for level in range(1, levels + 1):
        ps, qs = slow_walks(before, level, temperature), slow_walks(after, level, temperature)
        divergence = 0.0
        for p, q in zip(ps, qs, strict=True):
            m = [(one + other) / 2 for one, other in zip(p, q, strict=True)]
            divergence += sum(one * log(one / middle) for one, middle in zip(p, m, strict=True)) / 2
            divergence += sum(one * log(one / middle) for one, middle in zip(q, m, strict=True)) / 2
        total += divergence / len(ps) / level
    return total / levels


def slow_hard(scores: list[float], positive: int, num: int, margin: float, kept: list[bool]) -> list[int]:
    bar = scores[positive] * margin
    allowed = [j for j, score in enumerate(scores) if j != positive and score < bar and kept[j]]
    best = sorted(allowed, key=lambda j: -scores[j])[:num]
    return best + [-1] * (num - len(best))
