"""The student: a small head over what the encoder says of a window, which learns to say what the teacher would.

It knows no words; the gated head that does is trained on top of it.
"""

from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from recipes.nano.audio.encoder import NUM_FEATURES
from recipes.nano.gated import Scaling

__all__ = ["Head", "Shape", "Verdict"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The head's sizes."""

    feature: int = NUM_FEATURES
    hidden: int = 480
    dimension: int = 384
    num_classes: int = 521
    dropout: float = 0.1


class Verdict(NamedTuple):
    """``embedding`` n x 384, unit length; ``weight`` n, in 0..1; ``logits`` n x 521, the teacher's classes."""

    embedding: Tensor
    weight: Tensor
    logits: Tensor


@final
class Head(nn.Module):
    """Features to a ``Verdict``; each feature is first standardised, by what ``fit`` saw."""

    middle: Tensor
    scale: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(shape.feature))
        self.register_buffer("scale", torch.ones(shape.feature))
        self.drop = nn.Dropout(shape.dropout)
        self.hidden = nn.Linear(shape.feature, shape.hidden)
        self.embedding = nn.Linear(shape.hidden, shape.dimension)
        self.weight = nn.Linear(shape.hidden, 1)
        self.logits = nn.Linear(shape.hidden, shape.num_classes)

    @property
    def scaling(self) -> Scaling:
        """What `fit` saw."""
        return Scaling(middle=self.middle.numpy().copy(), scale=self.scale.numpy().copy())

    def fit(self, features: NDArray[np.float16]) -> None:
        """Take mean and spread from ``features`` (n x ``Shape.feature``)."""
        seen = Scaling.of(features)
        self.middle.copy_(torch.from_numpy(seen.middle))
        self.scale.copy_(torch.from_numpy(seen.scale))

    def forward(self, feature: Tensor) -> Verdict:
        """Judge features (n x ``Shape.feature``)."""
        standard = (feature - self.middle) * self.scale
        hidden = self.drop(functional.relu(self.hidden(self.drop(standard))))
        return Verdict(
            embedding=functional.normalize(self.embedding(hidden), dim=1),
            weight=torch.sigmoid(self.weight(hidden)).squeeze(1),
            logits=self.logits(hidden),
        )
