"""The sound network as one would write it with PyTorch and transformers; its weights are random.

It is as large as the tower's and does the same work; the vectors mean nothing. Time does not depend on weights.
"""

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

__all__ = ["SoundNetwork"]

WIDTH, NUM_LAYERS, NUM_HEADS, INNER, NUM_BANDS, NUM_FRAMES = 384, 2, 6, 1536, 80, 100
HIDDEN, GATED, DIMENSION = 480, 768, 384


@final
class SoundNetwork(nn.Module):
    """Windows (n x 81 x 200) to vectors times their weights (n x 384)."""

    def __init__(self) -> None:
        super().__init__()
        config = WhisperConfig(
            d_model=WIDTH,
            encoder_layers=NUM_LAYERS,
            encoder_attention_heads=NUM_HEADS,
            encoder_ffn_dim=INNER,
            num_mel_bins=NUM_BANDS,
            max_source_positions=NUM_FRAMES,
        )
        features = 2 * (NUM_LAYERS + 1) * WIDTH
        self.encoder: Any = WhisperEncoder(config)
        self.student = nn.Sequential(nn.Linear(features, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, DIMENSION + 1))
        self.gate = nn.Sequential(nn.Linear(features, 1), nn.Sigmoid())
        self.branch = nn.Sequential(
            nn.LayerNorm(features),
            nn.Linear(features, GATED),
            nn.GELU(approximate="tanh"),
            nn.Linear(GATED, DIMENSION),
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Encode, pool over the frames that are heard, and read."""
        heard = windows[:, NUM_BANDS, ::2, None]
        depths = self.encoder(windows[:, :NUM_BANDS], output_hidden_states=True).hidden_states
        means = [(depth * heard).sum(dim=1) / heard.sum(dim=1) for depth in depths]
        peaks = [(depth + 1e4 * (heard - 1)).amax(dim=1) for depth in depths]
        features = torch.cat([*means, *peaks], dim=1)
        base, weight = self.student(features).split([DIMENSION, 1], dim=1)
        vectors = functional.normalize(base, dim=1) + self.gate(features) * self.branch(features)
        return functional.normalize(vectors, dim=1) * torch.sigmoid(weight)
