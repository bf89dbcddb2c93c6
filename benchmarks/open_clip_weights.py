"""The weights of transformers' CLIP under the names that open_clip gives them."""

from pathlib import Path
from typing import Any, Final

__all__ = ["as_open_clip"]

INNER: Final = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
PLAIN: Final = {
    "logit_scale": "logit_scale",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",
    "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
    "vision_model.post_layernorm.weight": "visual.ln_post.weight",
    "vision_model.post_layernorm.bias": "visual.ln_post.bias",
}
TURNED: Final = {"text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj"}
ROOTS: Final = {"text_model.encoder.layers.": "", "vision_model.encoder.layers.": "visual."}


def as_open_clip(folder: Path) -> dict[str, Any]:
    """The state of open_clip's model, from the safetensors in a folder."""
    import torch
    from safetensors.torch import load_file

    found = load_file(folder / "model.safetensors")
    state = {ours: found[theirs] for theirs, ours in PLAIN.items()}
    state |= {ours: found[theirs].T for theirs, ours in TURNED.items()}
    for name, weights in found.items():
        root = next((each for each in ROOTS if name.startswith(each)), None)
        if root is None:
            continue
        number, _, rest = name.removeprefix(root).partition(".")
        part, _, end = rest.rpartition(".")
        home = f"{ROOTS[root]}transformer.resblocks.{number}"
        if part in INNER:
            state[f"{home}.{INNER[part]}.{end}"] = weights
        elif part == "self_attn.q_proj":
            parts = [found[f"{root}{number}.self_attn.{letter}_proj.{end}"] for letter in "qkv"]
            state[f"{home}.attn.in_proj_{end}"] = torch.cat(parts)
    return state
