"""Low-rank adapters: a trained network learns a little on top of every linear layer, and can be merged back."""

from copy import deepcopy
from typing import final

import torch
from torch import Tensor, nn

from commonspace.core.errors import UsageError

__all__ = ["LowRank", "LowRankLinear"]


@final
class LowRankLinear(nn.Module):
    """``linear(x) + up(down(x)) * scale``; the linear layer is frozen, ``up`` starts at zero."""

    def __init__(self, linear: nn.Linear, rank: int, scale: float, generator: torch.Generator | None) -> None:
        super().__init__()
        self.linear = linear.requires_grad_(requires_grad=False)
        self.scale = scale
        weight = linear.weight
        self.down = nn.Parameter(weight.new_empty(rank, linear.in_features))
        self.up = nn.Parameter(weight.new_zeros(linear.out_features, rank))
        bound = linear.in_features**-0.5
        with torch.no_grad():
            self.down.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map n x inputs to n x outputs."""
        return self.linear(x) + nn.functional.linear(nn.functional.linear(x, self.down), self.up) * self.scale

    def merged(self) -> nn.Linear:
        """One linear layer that computes the same, up to rounding; trainable again."""
        linear = deepcopy(self.linear).requires_grad_()
        with torch.no_grad():
            linear.weight += self.up @ self.down * self.scale
        return linear


@final
class LowRank(nn.Module):
    """A network (head or encoder) whose every linear layer carries a low-rank adapter, all else frozen.

    LoRA (Hu et al. 2021, arXiv 2106.09685): a layer's weight W becomes ``W + alpha / rank * up down``. ``up`` is zero
    at the start, so the output is exactly the network's. The network that was handed in is copied, not changed.

    Raises:
        UsageError: the rank is below one, or the network has no linear layer.
    """

    def __init__(
        self, network: nn.Module, rank: int, *, alpha: float | None = None, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        if rank < 1:
            raise UsageError(f"The rank is {rank}.", fix="Give one or more; 8 is usual.")
        self.network = deepcopy(network).requires_grad_(requires_grad=False)
        scale = (rank if alpha is None else alpha) / rank
        places = [name for name, layer in self.network.named_modules() if isinstance(layer, nn.Linear)]
        if not places:
            raise UsageError("The network has no linear layer to adapt.", fix="Train it whole, or choose another.")
        if places == [""]:
            self.network = LowRankLinear(self.network, rank, scale, generator)
            return
        for place in places:
            layer = self.network.get_submodule(place)
            _replace(self.network, place, LowRankLinear(layer, rank, scale, generator))

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the network computes, adapters included."""
        return self.network(*inputs)

    def merge(self) -> nn.Module:
        """A network of the original's make, every adapter added into its layer; the same up to rounding, trainable."""
        if isinstance(self.network, LowRankLinear):
            return self.network.merged()
        network = deepcopy(self.network)
        for place, layer in self.network.named_modules():
            if isinstance(layer, LowRankLinear):
                _replace(network, place, layer.merged())
        return network.requires_grad_()


def _replace(network: nn.Module, place: str, layer: nn.Module) -> None:
    parent, _, name = place.rpartition(".")
    setattr(network.get_submodule(parent), name, layer)
