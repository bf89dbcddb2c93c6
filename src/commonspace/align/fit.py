"""The loop: branches learn from pairs, step by step, the same way every time.

A branch is any module from one modality's features to vectors: a head over cached tower features, or a whole encoder
over pixels (end to end). The loop sees only the pairs it is given, so hand it the training split. Every random choice
is a function of the seed and the step: a run that was killed goes on from its last checkpoint to the very weights of an
unbroken one (bit for bit on a processor with as many threads).
"""

import copy
from collections.abc import Callable, Mapping
from hashlib import sha256
from math import inf
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from commonspace.align import gradcache
from commonspace.align.branches import Branches, encoder, inputs_of, parts_of
from commonspace.align.checkpoint import Checkpoint, Learner
from commonspace.align.mining import mine
from commonspace.align.mixing import mixed
from commonspace.align.objective import Objective, OnDevice
from commonspace.align.pairs import Pairs
from commonspace.align.plan import Outcome, Plan, Progress, Schedule
from commonspace.align.preserve import L2SP
from commonspace.align.sampling import Sampler, Sampling
from commonspace.align.terms import StayClose
from commonspace.core.errors import UsageError

__all__ = ["CHECKPOINT", "Watch", "device_of", "fit"]

CHECKPOINT = "checkpoint.safetensors"
SEEDS_APART = 1_000_003
"""The random layers of two runs of neighbouring seeds draw different numbers for this many steps."""

Watch = Callable[[Branches], float]
"""How good the branches are on rows that they do not learn from; higher is better."""


def fit(
    pairs: Pairs,
    branches: Branches,
    plan: Plan,
    *,
    folder: Path | None = None,
    watch: Watch | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Train the branches, in place, on all of ``pairs``; hand in the training split.

    Args:
        pairs: views by the branches' names, and by the names of what they are distilled towards.
        branches: by modality; frozen where no parameter asks for a gradient (``nn.Identity()`` for a fixed anchor).
        plan: losses, schedule, seed.
        folder: where the checkpoint goes; a run that finds its own there goes on from it. None keeps none.
        watch: scores the branches every ``watch_steps``; the best weights are what comes out.
        report: told after every step.

    Raises:
        UsageError: nothing can learn, a modality is missing, or the checkpoint is of another run.
    """
    run = _Run(pairs, branches, plan, watch)
    checkpoint = folder / CHECKPOINT if folder is not None else None
    if checkpoint is not None and checkpoint.exists():
        run.resume(Checkpoint.read(checkpoint, run.digest))
    resumed_from = run.done
    while not run.finished:
        progress = run.step()
        if checkpoint is not None and run.due():
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            run.checkpoint().write(checkpoint)
        if report is not None:
            report(progress)
    return run.outcome(resumed_from)


def device_of(name: str) -> torch.device:
    """The device by name; "auto" is a GPU if one is there.

    Raises:
        UsageError: there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"There is no device '{name}' here.", fix='Use device = "auto", "cpu" or "cuda".') from error
    return device


class _Run:
    """One run's changing state."""

    def __init__(self, pairs: Pairs, branches: Branches, plan: Plan, watch: Watch | None) -> None:
        self._pairs, self._branches, self._plan, self._watch = pairs, branches, plan, watch
        self._device = device_of(plan.device)
        self._objective = Objective(plan.terms, tuple(branches))
        self.digest = _digest(pairs, branches, plan)
        self._held = nn.ModuleDict(dict(branches))
        self._whole = nn.ModuleDict({"branches": self._held, "objective": self._objective})
        self._whole.to(self._device)
        self._stay = {each: L2SP(branches[each.modality]) for each in plan.terms if isinstance(each, StayClose)}
        self._learner = Learner(module=self._whole, optimizer=_optimizer(branches, self._objective, plan.schedule))
        self._average = copy.deepcopy(self._held) if plan.schedule.average else None
        sampling = Sampling(batch=plan.schedule.batch, seed=plan.seed, balance=plan.schedule.balance)
        views = [part for name in branches for part in parts_of(name)]
        self._sampler = Sampler(pairs, sampling, (*views, *self._objective.targets))
        self._neighbours: NDArray[np.int64] | None = None
        self._best: dict[str, Tensor] = {}
        self.done, self._best_step, self._best_score, self._enough = 0, 0, -inf, False
        self._whole.train()

    @property
    def finished(self) -> bool:
        return self._enough or self.done >= self._plan.schedule.steps

    def due(self) -> bool:
        """Whether a checkpoint is due after the step that was just done."""
        return self.finished or self.done % self._plan.schedule.checkpoint_steps == 0

    def step(self) -> Progress:
        """One batch: draw, mix, take the gradient, move; then look how good it is if that is due."""
        plan, step = self._plan, self.done
        if plan.negatives.due(step):
            self._neighbours = mine(self._pairs, self._branches, plan.negatives, seed=plan.seed, device=self._device)
        batch = self._sampler.batch(step, self._neighbours, company=plan.negatives.company)
        batch = mixed(batch, plan.mixing, seed=plan.seed, step=step)
        rate = plan.schedule.rate_at(step)
        for group in self._learner.optimizer.param_groups:
            group["lr"] = rate
        self._learner.optimizer.zero_grad(set_to_none=True)
        parts = self._gradient(OnDevice.of(batch, self._device), step)
        learning = [each for each in self._whole.parameters() if each.requires_grad]
        torch.nn.utils.clip_grad_norm_(learning, plan.schedule.clip)
        self._learner.optimizer.step()
        self._follow()
        self.done += 1
        score = self._look() if self._watch and (self.done % plan.schedule.watch_steps == 0 or self.finished) else None
        return Progress(
            step=self.done,
            num_steps=plan.schedule.steps,
            loss=sum(parts.values()),
            parts=parts,
            rate=rate,
            temperatures=self._objective.temperatures(),
            score=score,
        )

    def _gradient(self, batch: OnDevice, step: int) -> dict[str, float]:
        """Put every parameter's gradient in place; the loss by parts."""
        parts: dict[str, float] = {}

        def loss_of(vectors: Mapping[str, Tensor]) -> Tensor:
            found = self._objective(vectors, whole)
            parts.update({name: float(value.detach()) for name, value in found.items()})
            return torch.stack(list(found.values())).sum() if found else torch.zeros((), device=self._device)

        gpu = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(gpu):
            torch.manual_seed(self._plan.seed * SEEDS_APART + step)
            whole, inputs = inputs_of(self._branches, batch)
            encoders = {name: encoder(self._branches[name]) for name in inputs}
            gradcache.backward(encoders, inputs, loss_of, chunk=self._plan.schedule.chunk)
            for term, penalty in self._stay.items():
                value = term.weight * penalty()
                value.backward()
                parts[f"stay_close:{term.modality}"] = float(value.detach())
        return parts

    def _follow(self) -> None:
        """Let the running mean of the weights follow; it forgets its start quickly."""
        if self._average is None:
            return
        memory = min(self._plan.schedule.average, (self.done + 1) / (self.done + 10))
        learning = self._held.state_dict()
        with torch.no_grad():
            for name, mean in self._average.state_dict().items():
                if mean.is_floating_point():
                    mean.lerp_(learning[name], 1 - memory)
                else:
                    mean.copy_(learning[name])

    def _look(self) -> float | None:
        if self._watch is None:
            return None
        score = float(self._watch(dict(self._shown().items())))
        if score > self._best_score:
            self._best_score, self._best_step = score, self.done
            self._best = {name: value.detach().cpu().clone() for name, value in self._shown().state_dict().items()}
        waited = (self.done - self._best_step) // self._plan.schedule.watch_steps
        self._enough = 0 < self._plan.schedule.patience <= waited
        return score

    def _shown(self) -> nn.ModuleDict:
        """The branches as they would come out now."""
        return self._held if self._average is None else self._average

    def checkpoint(self) -> Checkpoint:
        """All that the run needs to go on from here."""
        tensors = self._learner.tensors()
        tensors |= {f"best.{name}": value.contiguous() for name, value in self._best.items()}
        if self._average is not None:
            held = self._average.state_dict().items()
            tensors |= {f"average.{name}": value.detach().cpu().contiguous().clone() for name, value in held}
        if self._neighbours is not None:
            tensors["neighbours"] = torch.from_numpy(self._neighbours)
        return Checkpoint(
            run=self.digest,
            step=self.done,
            tensors=tensors,
            best_score=self._best_score,
            best_step=self._best_step,
        )

    def resume(self, held: Checkpoint) -> None:
        """Go back to a checkpoint."""
        self._learner.restore(held.tensors)
        if self._average is not None:
            self._average.load_state_dict(held.below("average."))
        if "neighbours" in held.tensors:
            self._neighbours = held.tensors["neighbours"].numpy()
        self._best = held.below("best.")
        self.done, self._best_step, self._best_score = held.step, held.best_step, held.best_score
        waited = (self.done - self._best_step) // self._plan.schedule.watch_steps
        self._enough = bool(self._best) and 0 < self._plan.schedule.patience <= waited

    def outcome(self, resumed_from: int) -> Outcome:
        """Put the weights that count into the branches, in evaluation mode."""
        if self._best:
            self._held.load_state_dict(self._best)
        elif self._average is not None:
            self._held.load_state_dict(self._average.state_dict())
        self._whole.eval()
        return Outcome(
            steps=self.done,
            best_step=self._best_step if self._best else self.done,
            best_score=self._best_score if self._best else None,
            temperatures=self._objective.temperatures(),
            stopped_early=self.done < self._plan.schedule.steps,
            resumed_from=resumed_from,
        )


def _optimizer(branches: Branches, objective: Objective, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW; only matrices decay, not offsets, norms and temperatures.

    Raises:
        UsageError: no branch has a parameter that may learn.
    """
    learning = [each for branch in branches.values() for each in branch.parameters() if each.requires_grad]
    if not learning:
        raise UsageError("No branch can learn: every parameter is frozen.", fix="Give at least one modality a head.")
    matrices = [each for each in learning if each.ndim > 1]
    others = [each for each in learning if each.ndim <= 1] + [
        each for each in objective.parameters() if each.requires_grad
    ]
    groups = [{"params": matrices, "weight_decay": schedule.decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=schedule.rate)


def _digest(pairs: Pairs, branches: Branches, plan: Plan) -> str:
    """A digest of what decides the result: the pairs, the plan (not the device), the branches as they start."""
    whole = sha256(pairs.digest.encode())
    whole.update(repr((plan.terms, plan.schedule, plan.mixing, plan.negatives, plan.seed)).encode())
    for name, branch in sorted(branches.items()):
        for place, value in branch.state_dict().items():
            whole.update(f"{name}.{place}".encode())
            whole.update(np.ascontiguousarray(value.detach().cpu().float().numpy()).tobytes())
    return whole.hexdigest()
