"""A space names where a vector lives; a vector never travels without it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import final

from commonspace.core.errors import SpaceMismatch, UnsupportedModality, UsageError
from commonspace.core.modality import Modality

__all__ = ["Space", "Tier"]


class Tier(StrEnum):
    """How many modalities a space has towers for: two, three, or more."""

    UNIMODAL = "unimodal"
    BIMODAL = "bimodal"
    TRIMODAL = "trimodal"
    FULL_SPECTRUM = "full-spectrum"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The name, size and identity of one shared vector space.

    ``towers`` are the modalities with an encoder of their own; ``composed`` are those that the
    space takes apart into tower modalities (a video into frames and soundtrack). ``fingerprint``
    hashes weights, preprocessing and heads: equal fingerprints mean comparable vectors. ``dimensions`` are the
    smaller sizes that the space was trained to be cut to (Matryoshka, Kusupati et al. 2022), the full one not
    among them; they move no vector, so neither fingerprint nor equality covers them.
    """

    name: str
    dimension: int
    towers: tuple[Modality, ...]
    composed: tuple[Modality, ...]
    fingerprint: str
    dimensions: tuple[int, ...] = field(default=(), compare=False)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Everything the space accepts."""
        return self.towers + self.composed

    @property
    def tier(self) -> Tier:
        """The capability tier, counted in towers; composed modalities do not raise it."""
        tiers: Sequence[Tier] = (Tier.UNIMODAL, Tier.BIMODAL, Tier.TRIMODAL)
        count = len(self.towers)
        return tiers[count - 1] if count <= len(tiers) else Tier.FULL_SPECTRUM

    def require(self, modality: Modality) -> None:
        """Check that the space accepts a modality.

        Raises:
            UnsupportedModality: it does not; the message says what it has and what to do.
        """
        if modality in self.modalities:
            return
        raise UnsupportedModality(
            f"The space '{self.name}' ({self.tier}) has no tower for {modality}; it has {', '.join(self.modalities)}.",
            fix="Leave these items out, or use a space with that tower (`commonspace models` lists spaces).",
        )

    def require_dimension(self, dimension: int) -> None:
        """Check that vectors may be cut to their first ``dimension`` numbers.

        Raises:
            UsageError: the space was not trained for that size; the message lists those that it was.
        """
        sizes = sorted({*self.dimensions, self.dimension})
        if dimension in sizes:
            return
        raise UsageError(
            f"The space '{self.name}' was not trained to be cut to {dimension} dimensions.",
            fix=f"Use {' or '.join(str(size) for size in sizes)}.",
        )

    def require_same(self, other: "Space") -> None:
        """Check that another space's vectors may be compared with this one's.

        Raises:
            SpaceMismatch: the fingerprints differ.
        """
        if self.fingerprint == other.fingerprint:
            return
        raise SpaceMismatch(
            f"This store holds vectors of '{self.name}' ({self.fingerprint[:12]}), "
            f"not of '{other.name}' ({other.fingerprint[:12]}).",
            fix="Open it with the space that filled it, or index the media again into a new store.",
        )
