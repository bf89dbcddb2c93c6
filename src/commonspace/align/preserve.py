"""Keeping what was there: a penalty for leaving the start, and the way back by mixing weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from commonspace.core.errors import UsageError

__all__ = ["L2SP", "Mixture", "best_alpha", "interpolate", "sweep_alpha"]

State = Mapping[str, Tensor]
Scores = Mapping[str, float]


@final
class L2SP:
    """``1/2 sum (w - w0)^2`` over the weights that learn, w0 their values when this was made.

    The starting-point penalty of Li, Grandvalet, Davoine 2018 (arXiv 1802.01483, equation 3) without its factor, which
    the recipe gives. Make it before the first step, and before a checkpoint is loaded.

    Raises:
        UsageError: no weight of the module learns.
    """

    def __init__(self, module: nn.Module) -> None:
        self._learning = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
        if not self._learning:
            raise UsageError("No weight of the module learns.", fix="Leave L2-SP out of this recipe.")
        self.start: dict[str, Tensor] = {name: weight.detach().clone() for name, weight in self._learning.items()}

    def __call__(self) -> Tensor:
        """The penalty now: zero at the start, and differentiable."""
        moved = [(weight - self.start[name].to(weight)).square().sum() for name, weight in self._learning.items()]
        return torch.stack(moved).sum() / 2


def interpolate(start: State, end: State, alpha: float) -> dict[str, Tensor]:
    """WiSE-FT's weights (Wortsman et al. 2021, arXiv 2109.01903): ``(1 - alpha) start + alpha end``, name by name.

    Alpha of zero gives ``start`` exactly, one gives ``end``. Tensors that are no floating-point numbers (counters) are
    ``end``'s unless alpha is zero. The answer is new tensors.

    Raises:
        UsageError: the two are not states of one network.
    """
    if start.keys() != end.keys() or any(value.shape != end[name].shape for name, value in start.items()):
        raise UsageError("These are not states of one network.", fix="Interpolate a network before and after training.")
    if alpha in {0, 1}:
        return {name: value.detach().clone() for name, value in (end if alpha else start).items()}
    return {
        name: (value + alpha * (end[name] - value)).detach() if value.is_floating_point() else end[name].clone()
        for name, value in start.items()
    }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What a network between start and end scored: a number for each direction, higher better."""

    alpha: float
    scores: Scores


def sweep_alpha(
    start: State, end: State, *, alphas: Sequence[float], measure: Callable[[State], Scores]
) -> tuple[Mixture, ...]:
    """Measure the network at each of ``alphas``, in their order. ``measure`` gets a state dict of its own each time.

    Raises:
        UsageError: the two are not states of one network.
    """
    return tuple(Mixture(alpha=alpha, scores=dict(measure(interpolate(start, end, alpha)))) for alpha in alphas)


def best_alpha(
    mixtures: Sequence[Mixture], *, improve: Sequence[str], tolerances: Mapping[str, float], before: Scores
) -> Mixture | None:
    """The mixture with the highest mean score over the directions to ``improve``, among those that keep the others.

    A mixture keeps a direction when its score is at least ``before``'s less the tolerance. Of equals the smallest
    alpha wins. None when no mixture keeps them all.

    Raises:
        UsageError: there is no direction to improve.
    """
    if not improve:
        raise UsageError("No direction is named to improve.", fix="Name at least one, like text->image.")
    kept = [
        each
        for each in mixtures
        if all(each.scores[name] >= before[name] - tolerance for name, tolerance in tolerances.items())
    ]
    ranked = sorted(kept, key=lambda each: (-sum(each.scores[name] for name in improve), each.alpha))
    return ranked[0] if ranked else None
