"""A bridge that is trained: C-MCR's projectors (Wang et al. 2023, arXiv 2305.14381), started from a closed form.

The paper's losses over pairs that are made from texts alone: the same text in both spaces, and for each text what the
memory of a space holds near it (a weighted mean of unpaired pictures, of unpaired sounds). The authors did not release
their training code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from commonspace.align.bridge import ClosedBridge, Side, agreement, halves
from commonspace.align.heads import Head, HeadSpec, build_head
from commonspace.align.losses import two_way_info_nce
from commonspace.align.posthoc import Affine
from commonspace.core.errors import UsageError
from commonspace.core.vectors import Vectors, unit

__all__ = ["TrainedBridge", "Training", "trained_bridge"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a bridge is trained.

    ``noise`` is the expected length of what is added to a vector of length one. ``recall`` is the temperature with
    which a text calls on the memory, ``closeness`` the weight of the pull of a text to what it calls up, in each space.
    """

    steps: int = 300
    batch: int = 512
    rate: float = 1e-3
    decay: float = 0.05
    hidden: int = 512
    temperature: float = 0.05
    noise: float = 0.4
    recall: float = 0.05
    closeness: float = 1.0

    def __post_init__(self) -> None:
        least = min(self.steps, self.batch - 1, self.hidden)
        if least < 1 or min(self.rate, self.temperature, self.recall) <= 0 or min(self.noise, self.closeness) < 0:
            raise UsageError(f"A bridge cannot be trained like this: {self}.", fix="Give numbers above zero.")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedBridge:
    """A head a side, and how well they bring held-out texts together (``agreement``).

    That may fall below the closed form's while pictures and sounds come closer: texts tell more than either shows.
    """

    heads: tuple[Head, Head]
    spec: HeadSpec
    score: float

    def first(self, rows: Vectors) -> Vectors:
        """The first side's rows in the common space."""
        return _through(self.heads[0], rows)

    def second(self, rows: Vectors) -> Vectors:
        """The second side's rows in the common space."""
        return _through(self.heads[1], rows)


def trained_bridge(
    first: Side,
    second: Side,
    start: ClosedBridge,
    training: Training | None = None,
    *,
    seed: int = 0,
    report: Callable[[int, float], None] | None = None,
) -> TrainedBridge:
    """Train two heads from a closed form's maps; one seed gives one bridge. Give sides centred as for the closed form.

    ``report`` is told the step and the loss after every step.

    Raises:
        UsageError: the sides do not hold the same texts, or too few.
    """
    plan = training or Training()
    fitted, judged = halves(len(first.texts), len(second.texts), seed=seed)
    run = _Run(first, second, start, plan, seed)
    for step in range(plan.steps):
        loss = run.step(step, fitted)
        if report is not None:
            report(step + 1, loss)
    for head in run.heads:
        head.eval()
    texts = [_through(head, side.texts[judged]) for head, side in zip(run.heads, (first, second), strict=True)]
    return TrainedBridge(heads=run.heads, spec=run.spec, score=agreement(texts[0], texts[1]))


@final
class _Run:
    """One training's changing state."""

    def __init__(self, first: Side, second: Side, start: ClosedBridge, plan: Training, seed: int) -> None:
        self._plan = plan
        self._random = torch.Generator().manual_seed(seed)
        widths = first.texts.shape[1], second.texts.shape[1]
        outputs = widths[0] if start.maps[0] is None else start.maps[0].weight.shape[1]
        self.spec = HeadSpec(kind="residual", hidden=plan.hidden, start="given")
        maps = [
            each or Affine(weight=np.eye(width), offset=np.zeros(width))
            for each, width in zip(start.maps, widths, strict=True)
        ]
        made = [
            build_head(self.spec, width, outputs, given=given, generator=self._random)
            for width, given in zip(widths, maps, strict=True)
        ]
        self.heads = made[0], made[1]
        self._texts = [torch.from_numpy(side.texts) for side in (first, second)]
        self._called = [_called(side, plan.recall) for side in (first, second)]
        parameters = [each for head in self.heads for each in head.parameters()]
        self._optimizer = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=plan.decay)

    def step(self, step: int, fitted: NDArray[np.int64]) -> float:
        """One batch of texts: bring them, and what they call up, together across the spaces and within each."""
        plan = self._plan
        drawn = torch.randperm(len(fitted), generator=self._random)[: plan.batch].numpy()
        rows = torch.from_numpy(fitted[drawn])
        texts = [self._projected(place, self._texts[place][rows]) for place in (0, 1)]
        called = [self._projected(place, self._called[place][rows]) for place in (0, 1)]
        across = (
            two_way_info_nce(texts[0], texts[1], temperature=plan.temperature)
            + two_way_info_nce(called[0], called[1], temperature=plan.temperature)
        ) / 2
        within = sum(((text - near) ** 2).sum(dim=1).mean() for text, near in zip(texts, called, strict=True)) / 2
        loss = across + plan.closeness * within
        for group in self._optimizer.param_groups:
            group["lr"] = plan.rate * (1 + cos(pi * step / plan.steps)) / 2
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    def _projected(self, place: int, rows: Tensor) -> Tensor:
        """Rows with noise, through a side's head."""
        spread = self._plan.noise / rows.shape[1] ** 0.5
        noisy = functional.normalize(rows + spread * torch.randn(rows.shape, generator=self._random), dim=1)
        return functional.normalize(self.heads[place](noisy), dim=1)


def _called(side: Side, temperature: float) -> Tensor:
    """For each text what its space's memory holds near it: a softmax-weighted mean, of unit length; else the text."""
    if not side.memory:
        return torch.from_numpy(side.texts)
    memory = torch.from_numpy(np.concatenate(list(side.memory.values())))
    texts = torch.from_numpy(side.texts)
    near = [torch.softmax(part @ memory.T / temperature, dim=1) @ memory for part in texts.split(1024)]
    return functional.normalize(torch.cat(near), dim=1)


def _through(head: Head, rows: Vectors) -> Vectors:
    with torch.inference_mode():
        return unit(head(torch.from_numpy(np.ascontiguousarray(rows))).numpy())
