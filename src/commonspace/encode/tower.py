"""What every encoder must honour: prepare anywhere, encode in batches."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors

__all__ = ["Features", "Preparation", "Tower"]

Features = NDArray[np.generic]
"""What a tower eats: token ids (t), pixels (h x w x 3), log-mel windows (w x bands x frames)."""


class Preparation(Protocol):
    """Content to features: pure, picklable, no model, so that decode workers can run it."""

    def __call__(self, content: Content) -> Features:
        """Make one piece's content ready."""
        ...


class Tower(Protocol):
    """One modality's encoder. The same features give the same vector alone or in any batch."""

    @property
    def modality(self) -> Modality:
        """What it encodes."""
        ...

    @property
    def prepare(self) -> Preparation:
        """What its content goes through first."""
        ...

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode features to unit vectors, one row each, in order."""
        ...
