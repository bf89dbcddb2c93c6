"""Makes a CLIP ViT-B/32 with random weights: what it says is nonsense, how long it takes is not.

    python random_clip.py FOLDER

For the rivals in ``benchmarks.serving``, which has to work without downloads; it runs in an environment of a rival's.
The tokeniser knows single characters alone, for no text is sent to it.
"""

import json
import sys
from pathlib import Path

__all__ = ["make_clip"]


def make_clip(folder: Path) -> None:
    """Write model, tokeniser and image processor, with transformers' own defaults, which are ViT-B/32's."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    vocabulary.write_text(json.dumps({word: number for number, word in enumerate(words)}), "utf-8")
    merges.write_text("#version: 0.2\n", "utf-8")
    tokenizer = CLIPTokenizer(str(vocabulary), str(merges), model_max_length=77)
    CLIPProcessor(CLIPImageProcessor(), tokenizer).save_pretrained(folder)
    CLIPModel(CLIPConfig()).save_pretrained(folder)


if __name__ == "__main__":
    make_clip(Path(sys.argv[1]))
