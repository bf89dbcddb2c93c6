"""open_clip's networks in PyTorch: plain CLIP as transformers' own CLIP, all others by the library itself.

Imported only when a network is loaded.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, final

import torch
from safetensors.torch import load_file

__all__ = ["OpenClipModel", "is_plain", "plain_clip"]

PLAIN_MODEL: Final = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "init_logit_scale"}
PLAIN_VISION: Final = {"layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size", "patch_dropout"}
PLAIN_TEXT: Final = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"}
LAYER: Final = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
WHOLE: Final = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "logit_scale": "logit_scale",
}
TURNED: Final = {"text_projection": "text_projection.weight", "visual.proj": "visual_projection.weight"}
ARGMAX_END: Final = 2
"""The end token's id with which transformers looks for the greatest id, as open_clip does."""


@final
class OpenClipModel(torch.nn.Module):
    """The library's model under the names that transformers gives the two halves."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def get_text_features(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
        """Rows of texts (n x d), not of unit length; the library takes no mask."""
        return self.model.encode_text(input_ids if attention_mask is None else input_ids * attention_mask)

    def get_image_features(self, pixel_values: torch.Tensor) -> Any:
        """Rows of pictures (n x d), not of unit length."""
        return self.model.encode_image(pixel_values)


def is_plain(config: Mapping[str, Any]) -> bool:
    """Whether ``model_cfg`` is CLIP as it was published: two plain transformers, a class token, the greatest id."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    return (
        set(config) <= PLAIN_MODEL
        and set(vision) <= PLAIN_VISION
        and set(text) <= PLAIN_TEXT
        and isinstance(vision.get("layers", 12), int)
        and isinstance(vision.get("image_size", 224), int)
    )


def plain_clip(config: Mapping[str, Any], weights: Path) -> Any:
    """CLIP as transformers runs it, with open_clip's weights.

    Raises:
        RuntimeError: the weights are not of this configuration.
    """
    from transformers import CLIPConfig, CLIPModel

    vision, text = config["vision_cfg"], config["text_cfg"]
    act = "quick_gelu" if config.get("quick_gelu") else "gelu"
    width, text_width = int(vision.get("width", 768)), int(text.get("width", 512))
    heads, text_heads = width // int(vision.get("head_width", 64)), int(text.get("heads", 8))
    pictures = {
        **_sizes(width, heads, vision, act),
        "patch_size": int(vision.get("patch_size", 16)),
        "image_size": int(vision.get("image_size", 224)),
    }
    texts = {
        **_sizes(text_width, text_heads, text, act),
        "vocab_size": int(text.get("vocab_size", 49408)),
        "max_position_embeddings": int(text.get("context_length", 77)),
        "eos_token_id": ARGMAX_END,
    }
    made = CLIPModel(CLIPConfig(text_config=texts, vision_config=pictures, projection_dim=int(config["embed_dim"])))
    state = {name: values.float() for name, values in load_file(weights).items()}
    made.load_state_dict(dict(_renamed(state)), strict=True)
    return made


def _sizes(width: int, heads: int, config: Mapping[str, Any], act: str) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "intermediate_size": int(width * float(config.get("mlp_ratio", 4.0))),
        "num_hidden_layers": int(config.get("layers", 12)),
        "num_attention_heads": heads,
        "hidden_act": act,
    }


def _renamed(state: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    for name, values in state.items():
        if name in TURNED:
            yield TURNED[name], values.T.contiguous()
        elif name in WHOLE:
            yield WHOLE[name], values.reshape(()) if name == "logit_scale" else values
        elif ".resblocks." in f".{name}":
            yield from _layer(name, values)
        elif name != "attn_mask":
            yield name, values


def _layer(name: str, values: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    tower = "vision_model" if name.startswith("visual.") else "text_model"
    number, _, part = name.partition("resblocks.")[2].partition(".")
    home = f"{tower}.encoder.layers.{number}"
    if part.startswith("attn.in_proj_"):
        kind = part.removeprefix("attn.in_proj_")
        for each, third in zip("qkv", values.chunk(3), strict=True):
            yield f"{home}.self_attn.{each}_proj.{kind}", third.contiguous()
    else:
        inner, _, kind = part.rpartition(".")
        yield f"{home}.{LAYER.get(inner, inner)}.{kind}", values
