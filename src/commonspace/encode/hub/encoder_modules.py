"""PyTorch modules around encoders of sound, and of pictures that no text was trained with; arrays in, unit rows out.

Imported only when a network is loaded.
"""

from typing import Any, final

import torch
from torch.nn.functional import normalize, pad

from commonspace.encode.hub.modules import features_of

__all__ = ["ClapNet", "ClassToken", "WaveformNet", "WhisperNet"]


@final
class ClapNet(torch.nn.Module):
    """CLAP's log-mels (n x channels x frames x bands) to unit vectors by the model's own ``get_audio_features``."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        encoder = model.audio_model.audio_encoder
        if encoder.enable_fusion and not isinstance(encoder.patch_embed, _FusedPatches):
            encoder.patch_embed = _FusedPatches(encoder.patch_embed)

    def forward(self, windows: torch.Tensor, long: torch.Tensor | None = None) -> torch.Tensor:
        """Unit rows (n x d). ``long`` says which clips are longer than a window."""
        return normalize(features_of(self.model.get_audio_features(windows, is_longer=long)), dim=-1)


@final
class _FusedPatches(torch.nn.Module):
    """What the library's patch embedding computes, without its branches: an export keeps only those that were taken."""

    def __init__(self, embed: Any) -> None:
        super().__init__()
        self.embed = embed

    def forward(self, pictures: torch.Tensor, long: torch.Tensor) -> torch.Tensor:
        """Patches (n x patches x d). ``long`` are the places of the long clips."""
        embed = self.embed
        whole = embed.proj(pictures[:, :1])
        crops = embed.mel_conv2d(pictures[:, 1:].flatten(0, 1)[:, None]).unflatten(0, (-1, pictures.shape[1] - 1))
        local = crops.permute(0, 2, 3, 1, 4).flatten(3)
        fused = embed.fusion_model(whole, pad(local, (0, whole.shape[-1] - local.shape[-1])))
        places = torch.arange(pictures.shape[0], device=pictures.device)
        chosen = torch.where((places[:, None] == long[None]).sum(dim=1)[:, None, None, None] > 0, fused, whole)
        return embed.norm(chosen.flatten(2).transpose(1, 2) if embed.flatten else chosen)


@final
class WaveformNet(torch.nn.Module):
    """Samples (n x samples, equally long clips) to the unit mean of a network's last frames."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Unit rows (n x d)."""
        return normalize(self.model(samples).last_hidden_state.float().mean(dim=1), dim=-1)


@final
class WhisperNet(torch.nn.Module):
    """Log-mels with their presence in the last band (n x 1 x bands + 1 x frames) to the unit mean of frames present."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Unit rows (n x d)."""
        frames = self.encoder(windows[:, 0, :-1]).last_hidden_state.float()
        heard = windows[:, 0, -1, ::2, None]
        return normalize((frames * heard).sum(dim=1) / heard.sum(dim=1), dim=-1)


@final
class ClassToken(torch.nn.Module):
    """An image encoder as something with ``get_image_features``: its class token behind the last norm."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def get_image_features(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """The token of each picture (n x d), not of unit length."""
        token: torch.Tensor = self.model(pixel_values).last_hidden_state[:, 0]
        return token
