"""PyTorch modules around language models that embed: tokens, and what stands in for them, to one unit row each.

Texts are padded behind, so that padding has no place in a row's own positions. Imported only when a network is loaded.
"""

from typing import Any, final

import torch
from torch.nn.functional import normalize

from commonspace.encode.pictures import Normalisation

__all__ = ["GemmaNet", "QwenNet"]


def _last(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The state of each row's last token."""
    places = (mask.sum(dim=1) - 1)[:, None, None].expand(-1, 1, states.shape[-1])
    return states.gather(1, places)[:, 0]


def _mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean state of each row's tokens."""
    weights = mask[..., None].to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1)


@final
class QwenNet(torch.nn.Module):
    """Qwen3-VL: the last token's state. Pictures come as patches (all of a batch's together) and their grids."""

    def __init__(self, model: Any, normalisation: Normalisation) -> None:
        super().__init__()
        self.model = model
        self.scale = normalisation.scale
        self.register_buffer("mean", torch.tensor(normalisation.mean).view(3, 1))
        self.register_buffer("deviation", torch.tensor(normalisation.deviation).view(3, 1))

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        patches: torch.Tensor | None = None,
        grids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Unit rows (n x d). ``patches`` are uint8 (patches x 3 x values), ``grids`` time, down and across."""
        given: dict[str, Any] = {}
        if patches is not None:
            values = ((patches.float() * self.scale - self.mean) / self.deviation).flatten(1)
            shown = (input_ids == self.model.config.image_token_id).int()
            given = {"pixel_values": values, "image_grid_thw": grids, "mm_token_type_ids": shown}
        answer = self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False, **given)
        return normalize(_last(answer.last_hidden_state.float(), attention_mask), dim=-1)


@final
class GemmaNet(torch.nn.Module):
    """EmbeddingGemma 2: the mean of all tokens' states. Pictures come as padded patches, sounds as log-mels."""

    def __init__(self, model: Any, normalisation: Normalisation) -> None:
        super().__init__()
        self.model = model
        self.scale = normalisation.scale
        self.register_buffer("mean", torch.tensor(normalisation.mean))
        self.register_buffer("deviation", torch.tensor(normalisation.deviation))

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        patches: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        mels: torch.Tensor | None = None,
        heard: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Unit rows (n x d). ``places`` are patches' columns and rows, -1 where there is none; ``heard`` are frames."""
        given: dict[str, Any] = {}
        if patches is not None and places is not None:
            colours = (patches.float().unflatten(-1, (-1, 3)) * self.scale - self.mean) / self.deviation
            there = (places[..., :1] >= 0).float()
            given = {"pixel_values": colours.flatten(-2) * there, "image_position_ids": places}
        if mels is not None:
            given = {"input_features": mels, "input_features_mask": heard}
        answer = self.model(input_ids=input_ids, attention_mask=attention_mask, **given)
        return normalize(_mean(answer.last_hidden_state.float(), attention_mask), dim=-1)
