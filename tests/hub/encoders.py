"""Small checkpoints of CLAP and of encoders of one modality, with random weights, saved as the real libraries save."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from commonspace.core.item import Audio
from tests.hub.checkpoints import END, PAD, START, TEXT, VISION, save_tokenizer

__all__ = ["CLAPS", "IMAGE_ENCODERS", "SOUND_ENCODERS", "make_encoder", "sounds"]

SECONDS: Final = (0.4, 1.0, 1.7, 0.4, 1.999)
CONVOLUTIONS: Final = {"conv_dim": (16, 16), "conv_kernel": (10, 3), "conv_stride": (40, 8)}


def sounds(rate: int, seconds: tuple[float, ...] = SECONDS) -> list[Audio]:
    """Chirps in noise, unlike one another."""
    random = np.random.default_rng(5)
    made = []
    for number, length in enumerate(seconds):
        times = np.arange(int(length * rate)) / rate
        tone = 0.4 * np.sin(2 * np.pi * 220 * (number + 1) * times * (1 + times / 3))
        samples = tone * (times % 0.5 < 0.3) + random.normal(0, 0.01 * (number + 1), len(times))
        made.append(Audio(array=samples.clip(-1, 1).astype(np.float32), rate=rate))
    return made


def _clap(folder: Path, *, fused: bool) -> Any:
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    text = {**TEXT, "vocab_size": 400, "max_position_embeddings": 60, "projection_dim": 16}
    marks = {"bos_token_id": START, "eos_token_id": END, "pad_token_id": PAD}
    audio = {
        "spec_size": 64,
        "num_mel_bins": 64,
        "hidden_size": 32,
        "patch_embeds_hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "enable_fusion": fused,
        "projection_dim": 16,
    }
    truncation = "fusion" if fused else "rand_trunc"
    ClapFeatureExtractor(max_length_s=2, hop_length=1_920, truncation=truncation).save_pretrained(folder)
    return ClapModel(ClapConfig(text_config={**text, **marks}, audio_config=audio, projection_dim=16))


def _clap_fused(folder: Path) -> Any:
    return _clap(folder, fused=True)


def _clap_unfused(folder: Path) -> Any:
    return _clap(folder, fused=False)


def _wav2vec2(folder: Path, *, norm: str = "group") -> Any:
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    stable = norm == "layer"
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=stable).save_pretrained(folder)
    positions = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
    return Wav2Vec2Model(
        Wav2Vec2Config(**TEXT, **CONVOLUTIONS, **positions, feat_extract_norm=norm, do_stable_layer_norm=stable)
    )


def _wav2vec2_layer(folder: Path) -> Any:
    return _wav2vec2(folder, norm="layer")


def _hubert(folder: Path) -> Any:
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(folder)
    positions = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
    return HubertModel(HubertConfig(**TEXT, **CONVOLUTIONS, **positions))


def _whisper(folder: Path, *, bands: int = 80) -> Any:
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    sizes = {"encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 37, "d_model": 32}
    marks = {"pad_token_id": PAD, "bos_token_id": START, "eos_token_id": END, "decoder_start_token_id": START}
    more = {"decoder_layers": 1, "decoder_attention_heads": 4, "decoder_ffn_dim": 37, "vocab_size": 400}
    WhisperFeatureExtractor(feature_size=bands, chunk_length=2).save_pretrained(folder)
    return WhisperModel(WhisperConfig(**sizes, **marks, **more, num_mel_bins=bands, max_source_positions=100))


def _whisper_128(folder: Path) -> Any:
    return _whisper(folder, bands=128)


def _vit(folder: Path) -> Any:
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    ViTImageProcessor(size={"height": 30, "width": 30}).save_pretrained(folder)
    return ViTModel(ViTConfig(**VISION))


def _dinov2(folder: Path) -> Any:
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    _save_bit(BitImageProcessor, folder)
    return Dinov2Model(Dinov2Config(**{**VISION, "image_size": 42}))


def _dinov2_with_registers(folder: Path) -> Any:
    from transformers import BitImageProcessor, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    _save_bit(BitImageProcessor, folder)
    return Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**{**VISION, "image_size": 42}))


def _save_bit(processor: Any, folder: Path) -> None:
    processor(size={"shortest_edge": 36}, crop_size={"height": 30, "width": 30}, resample=3).save_pretrained(folder)


CLAPS: Final[dict[str, Callable[[Path], Any]]] = {"clap-fused": _clap_fused, "clap-unfused": _clap_unfused}
SOUND_ENCODERS: Final[dict[str, Callable[[Path], Any]]] = {
    "wav2vec2": _wav2vec2,
    "wav2vec2-layer-norm": _wav2vec2_layer,
    "hubert": _hubert,
    "whisper": _whisper,
    "whisper-128-bands": _whisper_128,
}
IMAGE_ENCODERS: Final[dict[str, Callable[[Path], Any]]] = {
    "vit": _vit,
    "dinov2": _dinov2,
    "dinov2_with_registers": _dinov2_with_registers,
}


def make_encoder(kind: str, folder: Path) -> Path:
    """Save a checkpoint of this kind, the same at every call."""
    torch.manual_seed(7)
    folder.mkdir(parents=True, exist_ok=True)
    model = {**CLAPS, **SOUND_ENCODERS, **IMAGE_ENCODERS}[kind](folder).eval()
    for name, weights in model.named_parameters():
        if weights.ndim > 1 and "embed" not in name and "conv" not in name:
            torch.nn.init.normal_(weights, std=0.3)
    model.save_pretrained(folder)
    if kind in CLAPS:
        save_tokenizer(folder, most=50)
    return folder
