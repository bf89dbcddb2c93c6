"""Train the head on what the teacher said.

Four losses: cosine to the ConSE target; how the classes' words rank by nearness (a softmax over them, since search
ranks by nearness to words); cross-entropy on the classes; squared error on the weight.

What ships is the running average of the weights. Seeded; a checkpoint every ``checkpoint_steps`` lets a stopped run
go on with the batches it would have seen.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from recipes.nano.audio.student import Verdict
from recipes.nano.audio.targets import Targets

__all__ = ["Lesson", "Progress", "Schedule", "Wanted", "train"]

CLASS_SHARE = 20.0
WEIGHT_SHARE = 1.0
RANK_TEMPERATURE = 0.06
LEAST_ATTENTION = 0.3


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long and how fast: AdamW under one cosine cycle."""

    num_steps: int = 1_000
    batch: int = 512
    peak_rate: float = 2e-3
    decay: float = 0.02
    rank_share: float = 0.3
    warm_share: float = 0.1
    memory: float = 0.98
    checkpoint_steps: int = 100
    seed: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """What to learn: float16 inputs (n x features), their targets, and the classes' text vectors (c x 384)."""

    inputs: NDArray[np.float16]
    targets: Targets
    words: NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The loss after a step, and the cosine part of it."""

    step: int
    loss: float
    cosine: float


def train(average: nn.Module, lesson: Lesson, schedule: Schedule, checkpoint: Path) -> Iterator[Progress]:
    """Train a copy of ``average``, which follows as the running mean; yields after every step.

    It goes on from ``checkpoint`` if that exists.
    """
    learner = copy.deepcopy(average)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=schedule.peak_rate, weight_decay=schedule.decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.peak_rate, total_steps=schedule.num_steps, pct_start=schedule.warm_share
    )
    done = 0
    if checkpoint.exists():
        held = torch.load(checkpoint, weights_only=True)
        learner.load_state_dict(held["learner"])
        average.load_state_dict(held["average"])
        optimizer.load_state_dict(held["optimizer"])
        cycle.load_state_dict(held["cycle"])
        done = held["step"]
    learner.train()
    for step in range(done, schedule.num_steps):
        yield _step(learner, optimizer, _batch(lesson, schedule, step), step, schedule.rank_share)
        cycle.step()
        _follow(average, learner, min(schedule.memory, (step + 1) / (step + 10)))
        if (step + 1) % schedule.checkpoint_steps == 0 or step + 1 == schedule.num_steps:
            states = {"learner": learner, "average": average, "optimizer": optimizer, "cycle": cycle}
            torch.save({name: part.state_dict() for name, part in states.items()} | {"step": step + 1}, checkpoint)
    average.eval()


@torch.no_grad()
def _follow(average: nn.Module, learner: nn.Module, memory: float) -> None:
    for mean, value in zip(average.state_dict().values(), learner.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - memory)
        else:
            mean.copy_(value)


Batch = tuple[Tensor, "Wanted"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wanted:
    """A batch's targets as tensors."""

    embedding: Tensor
    weight: Tensor
    probability: Tensor
    words: Tensor


def _batch(lesson: Lesson, schedule: Schedule, step: int) -> Batch:
    """The batch of one step: a fresh shuffle each epoch, fixed by the seed."""
    num_batches = len(lesson.inputs) // schedule.batch
    order = np.random.default_rng((schedule.seed, step // num_batches)).permutation(len(lesson.inputs))
    first = step % num_batches * schedule.batch
    rows = np.sort(order[first : first + schedule.batch])
    targets = lesson.targets
    return torch.from_numpy(lesson.inputs[rows].astype(np.float32)), Wanted(
        embedding=torch.from_numpy(targets.embedding[rows]),
        weight=torch.from_numpy(targets.weight[rows]),
        probability=torch.from_numpy(targets.probability[rows]),
        words=torch.from_numpy(lesson.words),
    )


def _step(learner: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, step: int, rank_share: float) -> Progress:
    inputs, wanted = batch
    verdict = learner(inputs)
    cosine = (verdict.embedding * wanted.embedding).sum(dim=1)
    loss = _loss(verdict, wanted, cosine) + rank_share * _rank_loss(verdict, wanted)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
    optimizer.step()
    return Progress(step=step, loss=float(loss.detach()), cosine=float(cosine.mean().detach()))


def _loss(verdict: Verdict, wanted: Wanted, cosine: Tensor) -> Tensor:
    attention = LEAST_ATTENTION + wanted.weight
    away = ((1 - cosine) * attention).sum() / attention.sum()
    classes = functional.binary_cross_entropy_with_logits(verdict.logits, wanted.probability)
    weight = functional.mse_loss(verdict.weight, wanted.weight)
    return away + CLASS_SHARE * classes + WEIGHT_SHARE * weight


def _rank_loss(verdict: Verdict, wanted: Wanted) -> Tensor:
    """How far the nearness of each class's words is from what it should be, in nats."""
    said = functional.log_softmax(verdict.embedding @ wanted.words.T / RANK_TEMPERATURE, dim=1)
    meant = functional.softmax(wanted.embedding @ wanted.words.T / RANK_TEMPERATURE, dim=1)
    return functional.kl_div(said, meant, reduction="batchmean")
