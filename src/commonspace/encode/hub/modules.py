"""PyTorch modules that wrap a library's model: named arrays in, unit vectors out; what a graph is made of.

Imported only when a network is loaded.
"""

from typing import Any, final

import torch
from torch.nn.functional import normalize

from commonspace.encode.pictures import Normalisation

__all__ = ["PictureNet", "SentenceNet", "TextNet", "features_of"]


def features_of(answer: Any) -> Any:
    """The projected row of each input, from whatever a ``get_..._features`` of this or an older version answers.

    In float32, whatever the network computes in: eight bits are too few to make a row of unit length.
    """
    return (answer if torch.is_tensor(answer) else answer.pooler_output).float()


@final
class TextNet(torch.nn.Module):
    """Token ids, and a mask where the model takes one, to unit vectors by the model's own ``get_text_features``."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Unit rows (n x d)."""
        return normalize(
            features_of(self.model.get_text_features(input_ids=input_ids, attention_mask=attention_mask)), dim=-1
        )


@final
class PictureNet(torch.nn.Module):
    """Pixels (n x h x w x 3, uint8) to unit vectors by the model's own ``get_image_features``."""

    def __init__(self, model: Any, normalisation: Normalisation) -> None:
        super().__init__()
        self.model = model
        self.scale = normalisation.scale
        self.register_buffer("mean", torch.tensor(normalisation.mean).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(normalisation.deviation).view(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Unit rows (n x d)."""
        values = (pixels.permute(0, 3, 1, 2).float() * self.scale - self.mean) / self.deviation
        return normalize(features_of(self.model.get_image_features(pixel_values=values)), dim=-1)


@final
class SentenceNet(torch.nn.Module):
    """Token ids to unit vectors by a sentence-transformers pipeline, whatever modules it is made of."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Unit rows (n x d)."""
        given = {"input_ids": input_ids, "attention_mask": attention_mask, "modality": "text"}
        return normalize(self.model(given)["sentence_embedding"].float(), dim=-1)
