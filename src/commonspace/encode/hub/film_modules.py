"""A PyTorch module around networks that see several frames of a video at once.

Imported only when a network is loaded.
"""

from typing import Any, final

import torch
from torch.nn.functional import normalize

from commonspace.encode.hub.modules import features_of
from commonspace.encode.pictures import Normalisation

__all__ = ["FilmNet"]


@final
class FilmNet(torch.nn.Module):
    """Frames of clips (n x frames x h x w x 3, uint8) to unit vectors by the model's own ``get_video_features``."""

    def __init__(self, model: Any, normalisation: Normalisation) -> None:
        super().__init__()
        self.model = model
        self.scale = normalisation.scale
        self.register_buffer("mean", torch.tensor(normalisation.mean).view(1, 1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(normalisation.deviation).view(1, 1, 3, 1, 1))

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Unit rows (n x d)."""
        values = (clips.permute(0, 1, 4, 2, 3).float() * self.scale - self.mean) / self.deviation
        return normalize(features_of(self.model.get_video_features(pixel_values=values)), dim=-1)
