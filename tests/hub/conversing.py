"""Small models that converse and embed, with random weights: words and template by hand, the rest by the library."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from tests.hub.checkpoints import TEXT, WORDS

__all__ = ["FAMILIES", "describe", "gemma", "qwen", "save_words"]

QWEN_TEMPLATE: Final = (
    "{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\nRepresent it.<|im_end|>\n' }}{%- endif %}"
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\n' }}"
    "{%- for content in message.content %}"
    "{%- if content.type == 'image' or 'image' in content %}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- elif 'text' in content %}{{- content.text }}{%- endif %}"
    "{%- endfor %}{{- '<|im_end|>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)


GEMMA_TEMPLATE: Final = (
    "{{- bos_token }}{%- for message in messages %}{%- for content in message.content %}"
    "{%- if content.type == 'image' %}<|image|>{%- elif content.type == 'audio' %}<|audio|>"
    "{%- else %}{{ content.text }}{%- endif %}{%- endfor %}{%- endfor %}"
)


def save_words(folder: Path, marks: list[str], *, most: int, begin: str | None = None, **names: Any) -> Any:
    """A small byte-level BPE with these marks, in order, and what each is called; ``begin`` is put before a text."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=marks, initial_alphabet=letters, show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    if begin is not None:
        template = processors.TemplateProcessing(single=f"{begin} $A", special_tokens=[(begin, marks.index(begin))])
        tokenizer.post_processor = template
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=most, **names)
    fast.save_pretrained(folder)
    return fast


def describe(folder: Path, pooling: str, *, senses: list[str], prompts: dict[str, str], dimension: int) -> None:
    """The files that sentence-transformers keeps for a model that it runs by conversations."""
    home = "sentence_transformers"
    kinds = {
        "": f"{home}.base.modules.transformer.Transformer",
        "1_Pooling": f"{home}.sentence_transformer.modules.pooling.Pooling",
        "2_Normalize": f"{home}.base.modules.normalize.Normalize",
    }
    modules = [{"idx": at, "name": str(at), "path": path, "type": kinds[path]} for at, path in enumerate(kinds)]
    each = {"method": "forward", "method_output_name": "last_hidden_state"}
    config = {
        "transformer_task": "feature-extraction",
        "modality_config": {**dict.fromkeys(senses, each), "message": {**each, "format": "structured"}},
        "module_output_name": "token_embeddings",
        "processing_kwargs": {"chat_template": {"add_generation_prompt": True}},
    }
    (folder / "1_Pooling").mkdir()
    (folder / "2_Normalize").mkdir()
    documents = {
        "modules.json": modules,
        "sentence_bert_config.json": config,
        "config_sentence_transformers.json": {"prompts": prompts, "default_prompt_name": None},
        "1_Pooling/config.json": {"embedding_dimension": dimension, "pooling_mode": pooling, "include_prompt": True},
        "2_Normalize/config.json": {},
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document), "utf-8")


def qwen(folder: Path) -> Any:
    """Save Qwen3-VL as its embedding models are; answer the library's processor, without its part for video."""
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
    marks += ["<|image_pad|>", "<|video_pad|>"]
    words = save_words(folder, marks, most=120, pad_token=marks[0], eos_token=marks[2])
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    text = {**TEXT, "vocab_size": 400, "head_dim": 16, "num_key_value_heads": 2, "rope_parameters": rope}
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 37, "num_heads": 2, "out_hidden_size": 32}
    seen = {"patch_size": 4, "num_position_embeddings": 16, "deepstack_visual_indexes": [0, 1]}
    ids = {"image_token_id": 5, "video_token_id": 6, "vision_start_token_id": 3, "vision_end_token_id": 4}
    text |= {"max_position_embeddings": 512, "pad_token_id": 0}
    config = Qwen3VLConfig(text_config=text, vision_config={**vision, **seen}, **ids)
    _save(Qwen3VLForConditionalGeneration(config), folder)
    bounds = {"shortest_edge": 256, "longest_edge": 1_600}
    pictures = Qwen2VLImageProcessorPil(patch_size=4, size=bounds, image_mean=[0.4] * 3, image_std=[0.5] * 3)
    pictures.save_pretrained(folder)
    describe(folder, "lasttoken", senses=["text", "image"], prompts={"query": "Find it."}, dimension=32)
    return _processor(Qwen3VLProcessor, folder, QWEN_TEMPLATE, image_processor=pictures, tokenizer=words)


def gemma(folder: Path) -> Any:
    """Save EmbeddingGemma 2 as it is published; answer the library's processor, without its part for video."""
    from transformers import (
        EmbeddingGemma2Config,
        EmbeddingGemma2Model,
        EmbeddingGemma2Processor,
        Gemma4AudioFeatureExtractor,
    )
    from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil

    names = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>"}
    named = {"boi_token": "<|image>", "image_token": "<|image|>", "eoi_token": "<image|>"}
    named |= {"boa_token": "<|audio>", "audio_token": "<|audio|>", "eoa_token": "<audio|>"}
    marks = [*names.values(), *named.values(), "<|video|>"]
    words = save_words(folder, marks, most=120, begin="<bos>", extra_special_tokens=named, **names)
    shape = {"num_key_value_heads": 2, "head_dim": 8, "global_head_dim": 16, "num_global_key_value_heads": 1}
    text = {**TEXT, **shape, "vocab_size": 400, "max_position_embeddings": 512, "embedding_dim": 24}
    text |= {"hidden_size_per_layer_input": 8, "sliding_window": 8, "sliding_window_pattern": 2}
    vision = {**TEXT, "model_type": "gemma4_vision", "num_key_value_heads": 4, "head_dim": 8, "patch_size": 4}
    vision |= {"pooling_kernel_size": 2, "position_embedding_size": 64}
    audio = {"model_type": "gemma4_audio", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    audio |= {"subsampling_conv_channels": [16, 4], "output_proj_dims": 24, "conv_kernel_size": 3}
    ids = {name.replace("token", "token_id"): marks.index(mark) for name, mark in named.items()}
    ids |= {"eoa_token_index": ids.pop("eoa_token_id"), "video_token_id": len(marks) - 1}
    config = EmbeddingGemma2Config(text_config=text, vision_config=vision, audio_config=audio, **ids)
    _save(EmbeddingGemma2Model(config), folder)
    pictures = Gemma4ImageProcessorPil(patch_size=4, pooling_kernel_size=2, max_soft_tokens=70)
    sounds = Gemma4AudioFeatureExtractor(feature_size=16)
    whole = {"image_processor": pictures.to_dict(), "feature_extractor": json.loads(sounds.to_json_string())}
    (folder / "processor_config.json").write_text(json.dumps(whole), "utf-8")
    prompts = {"query": "task: search result | query: ", "document": "title: none | text: "}
    describe(folder, "mean", senses=["text", "image", "audio"], prompts=prompts, dimension=24)
    parts = {"image_processor": pictures, "tokenizer": words, "feature_extractor": sounds}
    return _processor(EmbeddingGemma2Processor, folder, GEMMA_TEMPLATE, **parts)


def _processor(kind: Any, folder: Path, template: str, **parts: Any) -> Any:
    """The library's processor, which asks for torchvision only to check the type of a part that is not used."""
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    unchecked = {"check_argument_for_proper_class": lambda _self, _name, value: type(value)}
    return type(kind.__name__, (kind,), unchecked)(**parts, video_processor=None, chat_template=template)


def _save(model: Any, folder: Path) -> None:
    """Random weights large enough that inputs tell vectors apart."""
    torch.manual_seed(7)
    for name, weights in model.named_parameters():
        if weights.ndim > 1 and "embed_tokens" not in name and "position" not in name:
            torch.nn.init.normal_(weights, std=0.3)
    model.save_pretrained(folder)


FAMILIES: Final[dict[str, Callable[[Path], Any]]] = {"qwen3-vl": qwen, "embedding-gemma-2": gemma}
