"""One vector of a thing that is known in several modalities, some of which may be missing.

Three ways behind one interface: a module takes ``parts``, one tensor a modality (n x its width), and ``present``, n
bools a modality, and gives n unit vectors. Whatever a missing part holds, NaN too, cannot reach the output. A row with
nothing present gives zeros.

- ``Late`` adds the vectors of the space with fixed weights: no training, weights chosen at query time.
- ``Early`` is one head over all features side by side, zeros for the missing, and a mask that tells so.
- ``Hybrid`` adds the vectors with weights that a gate reads from all of them, and what an early head has to add.
"""

from collections.abc import Mapping
from typing import Protocol, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from commonspace.align.heads import HeadSpec, build_head
from commonspace.core.errors import UsageError

__all__ = ["Early", "Fusion", "Hybrid", "Late", "drop_modalities"]

Parts = Mapping[str, Tensor]


class Fusion(Protocol):
    """What every way to fuse honours."""

    def __call__(self, parts: Parts, present: Parts) -> Tensor:
        """Unit vectors, n x dimension, of what is present; zeros where nothing is.

        Raises:
            UsageError: the modalities are not those that it was made for.
        """
        ...


@final
class Late(nn.Module):
    """``unit(sum_m weight_m part_m)`` over what is present; the parts are vectors of one space, in any lengths.

    Each part is scaled to unit length first. The weights name the modalities.

    Raises:
        UsageError: a weight is negative, or all are zero.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        if not weights or min(weights.values()) < 0 or max(weights.values()) == 0:
            raise UsageError(f"The weights are {dict(weights)}.", fix="Give zero or more each, and one above zero.")
        self.weights = dict(weights)

    def forward(self, parts: Parts, present: Parts) -> Tensor:
        """Fuse: n x dimension."""
        _require_modalities(parts, present, tuple(self.weights))
        weights = torch.tensor([list(self.weights.values())])
        return functional.normalize(_weighed(_unit_parts(parts, present, tuple(self.weights)), weights), dim=1)


@final
class Early(nn.Module):
    """``unit(head([part_1 | ... | part_k | mask]))``, a missing part as zeros.

    ``widths`` says how wide each modality's features are, in the order of the input; they may differ.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        dimension: int,
        spec: HeadSpec,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.names = tuple(widths)
        self.head = build_head(spec, sum(widths.values()) + len(widths), dimension, generator=generator)

    def forward(self, parts: Parts, present: Parts) -> Tensor:
        """Fuse: n x dimension."""
        _require_modalities(parts, present, self.names)
        shown, there = _shown(parts, present, self.names), _mask(present, self.names)
        read = torch.cat([*shown, there.to(shown[0])], dim=1)
        return functional.normalize(self.head(read), dim=1) * there.any(dim=1, keepdim=True)


@final
class Hybrid(nn.Module):
    """``unit(late + a branch([parts | mask]))`` with ``late = sum_m g_m part_m``: gated late fusion, and what it lacks.

    The parts are vectors of one space, each scaled to unit length first. ``g`` is a softmax over what is present of
    ``w [parts | mask] + c``, times the number present, so that a gate without an opinion weighs each by one; a, in
    0..1, is how far the gate of the correction is open for the row, and ``branch`` as ``heads`` has it, ``hidden``
    wide. At the start w, c and the branch's last layer are zero: the output is that of ``Late`` at equal weights.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        dimension: int,
        *,
        hidden: int = 256,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.names = names
        width = len(names) * (dimension + 1)
        spec = HeadSpec(kind="gated", hidden=hidden, dropout=dropout, base=dimension, gate=0.5)
        self.gate = nn.Linear(width, len(names))
        self.head = build_head(spec, width + dimension, dimension, generator=generator)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def weights(self, parts: Parts, present: Parts) -> Tensor:
        """How much each modality counts, n x modalities in the order of ``names``: zero where it is missing.

        A row's weights sum to the number of modalities present.
        """
        _require_modalities(parts, present, self.names)
        shown, there = _unit_parts(parts, present, self.names), _mask(present, self.names)
        return self._weights(torch.cat([*shown, there.to(shown[0])], dim=1), there)

    def forward(self, parts: Parts, present: Parts) -> Tensor:
        """Fuse: n x dimension."""
        _require_modalities(parts, present, self.names)
        shown, there = _unit_parts(parts, present, self.names), _mask(present, self.names)
        read = torch.cat([*shown, there.to(shown[0])], dim=1)
        late = _weighed(shown, self._weights(read, there))
        return functional.normalize(self.head(torch.cat([read, late], dim=1)), dim=1) * there.any(dim=1, keepdim=True)

    def _weights(self, read: Tensor, there: Tensor) -> Tensor:
        told = self.gate(read).masked_fill(~there, -1e4)
        return torch.softmax(told, dim=1) * there * there.sum(dim=1, keepdim=True)


def drop_modalities(present: Parts, *, rate: float, generator: torch.Generator | None = None) -> dict[str, Tensor]:
    """Modality dropout for training: hide each part that is there with chance ``rate``, but never a row's last.

    Where the draw would hide all parts of a row it hides none, so that the rarest combinations are not favoured.
    (ModDrop: Neverova et al. 2014, arXiv 1501.00102.)

    Raises:
        UsageError: the rate is not in 0..1.
    """
    if not 0 <= rate < 1:
        raise UsageError(f"The rate of modality dropout is {rate}.", fix="Give 0 or more, below 1.")
    names = tuple(present)
    there = _mask(present, names)
    drawn = torch.rand(there.shape, generator=generator, device=there.device if generator is None else generator.device)
    kept = there & (drawn.to(there.device) >= rate)
    kept = torch.where(kept.any(dim=1, keepdim=True), kept, there)
    return {name: kept[:, place] for place, name in enumerate(names)}


def _shown(parts: Parts, present: Parts, names: tuple[str, ...]) -> list[Tensor]:
    """Zeros in place of what is missing; chosen, not multiplied, since zero times NaN is NaN."""
    return [torch.where(present[name][:, None], parts[name], torch.zeros_like(parts[name])) for name in names]


def _unit_parts(parts: Parts, present: Parts, names: tuple[str, ...]) -> list[Tensor]:
    return [functional.normalize(part, dim=1) for part in _shown(parts, present, names)]


def _mask(present: Parts, names: tuple[str, ...]) -> Tensor:
    return torch.stack([present[name] for name in names], dim=1)


def _weighed(shown: list[Tensor], weights: Tensor) -> Tensor:
    """``sum_m weights[:, m] shown[m]``."""
    return (torch.stack(shown, dim=1) * weights[:, :, None].to(shown[0])).sum(dim=1)


def _require_modalities(parts: Parts, present: Parts, names: tuple[str, ...]) -> None:
    if set(parts) != set(names) or set(present) != set(names):
        raise UsageError(
            f"This fusion is made for {', '.join(names)}, not for {', '.join(parts)} with masks of "
            f"{', '.join(present)}.",
            fix="Give every modality a part and a mask; where it is missing the mask is False.",
        )
