"""Branches by name: what each takes from a batch, and how its output becomes unit vectors.

A name with a plus ("image+audio") is a fused branch: it takes the features of every part, zeros where a row lacks one,
and which parts are there (rows x parts, one or zero): ``Fused`` makes a branch of any way to fuse. Any other branch
takes one modality's features.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from commonspace.align.fusion import drop_modalities
from commonspace.align.gradcache import Encode, Inputs
from commonspace.align.objective import OnDevice

__all__ = ["Branches", "Fused", "encoder", "inputs_of", "parts_of"]

Branches = Mapping[str, nn.Module]
PLUS = "+"


@final
class Fused(nn.Module):
    """A way to fuse (``commonspace.align.fusion``) as a branch; ``names`` as in the branch's name, in order.

    ``rate`` is how often training hides a modality that is there; a row's last one is never hidden.
    """

    def __init__(self, fusion: nn.Module, names: tuple[str, ...], *, rate: float = 0.0) -> None:
        super().__init__()
        self.fusion, self.names, self.rate = fusion, names, rate

    def forward(self, *inputs: Tensor) -> Tensor:
        """Fuse the features of every part (n x its width each) under a mask (n x parts): n x dimension."""
        *parts, mask = inputs
        present = {name: mask[:, place] > 0 for place, name in enumerate(self.names)}
        if self.training and self.rate:
            present = drop_modalities(present, rate=self.rate)
        return self.fusion(dict(zip(self.names, parts, strict=True)), present)


def parts_of(name: str) -> tuple[str, ...]:
    """The modalities that a branch takes."""
    return tuple(name.split(PLUS))


def encoder(branch: nn.Module) -> Encode:
    """A branch's inputs to unit rows."""

    def encode(inputs: Inputs) -> Tensor:
        return functional.normalize(branch(*inputs).float(), dim=1)

    return encode


def inputs_of(branches: Branches, batch: OnDevice) -> tuple[OnDevice, dict[str, Inputs]]:
    """Each branch's inputs from a batch, and the batch with the places of fused branches too.

    A branch that no row of the batch has anything for takes no rows.
    """
    places = dict(batch.places)
    inputs: dict[str, Inputs] = {}
    for name in branches:
        parts = parts_of(name)
        if len(parts) == 1:
            inputs[name] = (batch.features[name],)
        else:
            places[name], inputs[name] = _fused(parts, batch)
    return replace(batch, places=places), inputs


def _fused(parts: tuple[str, ...], batch: OnDevice) -> tuple[Tensor, Inputs]:
    """The rows that have any of the parts, with their features and a mask."""
    present = torch.stack([_present(part, batch) for part in parts], dim=1)
    rows = present.any(dim=1).nonzero().squeeze(1)
    held = []
    for part in parts:
        features = batch.features[part]
        whole = features.new_zeros((len(batch.concepts), *features.shape[1:]))
        whole[batch.places[part]] = features
        held.append(whole[rows])
    return rows, (*held, present[rows].float())


def _present(part: str, batch: OnDevice) -> Tensor:
    mask = torch.zeros(len(batch.concepts), dtype=torch.bool, device=batch.concepts.device)
    mask[batch.places[part]] = True
    return mask
