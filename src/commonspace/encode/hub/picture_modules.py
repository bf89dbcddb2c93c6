"""PyTorch modules around picture encoders that take more than pixels, or give more than one row for a picture.

Imported only when a network is loaded.
"""

from typing import Any, final

import torch
from torch.nn.functional import normalize

from commonspace.encode.hub.modules import features_of
from commonspace.encode.pictures import Normalisation

__all__ = ["FlexNet", "QueryingModel"]


@final
class FlexNet(torch.nn.Module):
    """Patches (n x patches x side * side * 3, uint8) of pictures of any shape to unit vectors."""

    def __init__(self, model: Any, normalisation: Normalisation) -> None:
        super().__init__()
        self.model = model
        self.scale = normalisation.scale
        self.register_buffer("mean", torch.tensor(normalisation.mean))
        self.register_buffer("deviation", torch.tensor(normalisation.deviation))

    def forward(self, patches: torch.Tensor, mask: torch.Tensor, shapes: torch.Tensor) -> torch.Tensor:
        """Unit rows (n x d). ``mask`` says which patches are there, ``shapes`` how many down and across."""
        colours = patches.float().unflatten(-1, (-1, 3))
        values = ((colours * self.scale - self.mean) / self.deviation).flatten(-2) * mask[..., None]
        answer = self.model.get_image_features(pixel_values=values, pixel_attention_mask=mask, spatial_shapes=shapes)
        return normalize(features_of(answer), dim=-1)


@final
class QueryingModel(torch.nn.Module):
    """BLIP-2's contrastive halves under the names that other models give theirs."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def get_text_features(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Rows of texts (n x d): the first token's projection."""
        words = self.model.embeddings(input_ids=input_ids)
        answer = self.model.qformer(query_embeds=words, query_length=0, attention_mask=attention_mask)
        rows: torch.Tensor = self.model.text_projection(answer.last_hidden_state[:, 0])
        return rows

    def get_image_features(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Rows of pictures (n x d): the mean of what each query sees, each projected to unit length."""
        seen = self.model.vision_model(pixel_values=pixel_values).last_hidden_state
        mask = torch.ones(seen.shape[:-1], dtype=torch.long, device=seen.device)
        queries = self.model.query_tokens.expand(len(seen), -1, -1)
        answer = self.model.qformer(query_embeds=queries, encoder_hidden_states=seen, encoder_attention_mask=mask)
        rows: torch.Tensor = normalize(self.model.vision_projection(answer.last_hidden_state), dim=-1).mean(dim=1)
        return rows
