"""Checkpoints: one safetensors file that holds all a run needs to go on, written whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from commonspace.core.errors import UsageError

__all__ = ["Checkpoint", "Learner"]

FORMAT = "1"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learner:
    """What learns, and what makes it learn."""

    module: nn.Module
    optimizer: torch.optim.Optimizer

    def tensors(self) -> dict[str, Tensor]:
        """Every weight and every number the optimizer remembers, by name, on the processor."""
        held = {f"weights.{name}": value for name, value in self.module.state_dict().items()}
        for place, state in self.optimizer.state_dict()["state"].items():
            held |= {f"optimizer.{place}.{name}": value for name, value in state.items()}
        return {name: value.detach().cpu().contiguous().clone() for name, value in held.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go back to what ``tensors`` gave."""
        self.module.load_state_dict(_below(tensors, "weights."))
        told = self.optimizer.state_dict()
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _below(tensors, "optimizer.").items():
            place, _, key = name.partition(".")
            state.setdefault(int(place), {})[key] = value
        self.optimizer.load_state_dict({"state": state, "param_groups": told["param_groups"]})


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A run after ``step`` steps: the learner, the best weights so far, mined neighbours, and plain facts.

    ``run`` is a digest of everything that decides the result; a checkpoint of another run is refused.
    """

    run: str
    step: int
    tensors: Mapping[str, Tensor]
    best_score: float
    best_step: int

    def write(self, path: Path) -> None:
        """Write beside, then rename: a kill leaves the last whole one."""
        from safetensors.torch import save_file

        facts = {
            "format": FORMAT,
            "run": self.run,
            "step": str(self.step),
            "best_score": self.best_score.hex(),
            "best_step": str(self.best_step),
        }
        partial = path.with_name(path.name + ".part")
        save_file(dict(self.tensors), partial, metadata=facts)
        partial.replace(path)

    @classmethod
    def read(cls, path: Path, run: str) -> "Checkpoint":
        """Read one back.

        Raises:
            UsageError: it cannot be read, or belongs to a run of other data, losses or settings.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                facts: dict[str, Any] = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
        except (OSError, SafetensorError) as error:
            raise UsageError(f"{path} is no checkpoint: {error}.", fix="Remove it, or start anew: --fresh.") from error
        if facts.get("format") != FORMAT or facts.get("run") != run:
            raise UsageError(
                f"{path} is of another run: the data, the losses or the settings have changed since.",
                fix="Start anew with --fresh, or name another folder with --out.",
            )
        return cls(
            run=run,
            step=int(facts["step"]),
            tensors=tensors,
            best_score=float.fromhex(facts["best_score"]),
            best_step=int(facts["best_step"]),
        )

    def below(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, without the beginning."""
        return _below(self.tensors, prefix)


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
