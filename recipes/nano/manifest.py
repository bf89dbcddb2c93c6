"""The manifest names every file with its hash, what it eats and where it comes from; a fingerprint covers it all."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recipes.corpus.record import read_index
from recipes.nano.card import write_card
from recipes.nano.sources import IMAGE_SOURCE, TEXT_SOURCE
from recipes.nano.text import MAX_TOKENS
from recipes.nano.trunk import MEAN, SIDE, STD

__all__ = ["INDEX", "manifest", "to_json", "write_manifest"]

DIMENSION = 384
DESCRIPTION = "English text, pictures and everyday sounds in the space of all-MiniLM-L6-v2; small enough to ship."
AUDIO_PART = "audio.json"
TRAINING = ("heads.json", "heads-judged.json")
"""What the runs say of themselves (data, code, seed, losses, directions): the one that ships, and the one judged on the
concepts that it did not learn from."""
PREFIXES = (64, 128, 256)
"""Lengths that vectors may be cut to: the heads were trained for them (Matryoshka), the text tower was not."""
INDEX = Path(__file__).parents[1] / "corpus" / "index.tsv.gz"

Part = dict[str, Any]


def write_manifest(folder: Path) -> None:
    """Describe the files in `folder` for machines, and in a card for people.

    The audio part is what its own recipe left in `audio.json`.
    """
    described = manifest(folder)
    (folder / "manifest.json").write_text(to_json(described), encoding="utf-8")
    write_card(folder, described["parts"])


def manifest(folder: Path) -> Part:
    """Return the manifest of the files in `folder`."""
    parts = {"text": _text_part(folder), "image": _image_part(folder)}
    if (folder / AUDIO_PART).exists():
        parts["audio"] = _audio_part(folder)
    return {
        "format": 1,
        "name": "nano",
        "version": "2",
        "dimension": DIMENSION,
        "modalities": list(parts),
        "licence": "Apache-2.0",
        "description": DESCRIPTION,
        "parts": parts,
        "fingerprint": _fingerprint(parts),
        "dimensions": list(PREFIXES),
        "training": {name: _sha256(folder / name) for name in TRAINING},
    }


def to_json(value: Mapping[str, Any]) -> str:
    """Write JSON that is the same whenever its value is."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _text_part(folder: Path) -> Part:
    return {
        "file": "text.onnx",
        "sha256": _sha256(folder / "text.onnx"),
        "inputs": {
            "input_ids": {"type": "int64", "shape": ["batch", "tokens"]},
            "attention_mask": {"type": "int64", "shape": ["batch", "tokens"]},
        },
        "output": _output(),
        "preprocessing": {
            "tokenizer": "tokenizer.json",
            "tokenizer_sha256": _sha256(folder / "tokenizer.json"),
            "max_tokens": MAX_TOKENS,
            "pad_id": 0,
            "pad_to_multiple_of": 16,
            "pooling": "mean over the mask, in the graph",
        },
        "licence": TEXT_SOURCE.licence,
        "provenance": [TEXT_SOURCE.provenance()],
        "arithmetic": "bf16",
        "precision": "int8 words, float16 weights",
    }


def _image_part(folder: Path) -> Part:
    return {
        "file": "image.onnx",
        "sha256": _sha256(folder / "image.onnx"),
        "inputs": {"pixels": {"type": "uint8", "shape": ["batch", SIDE, SIDE, 3]}},
        "output": _output(),
        "preprocessing": {
            "side": SIDE,
            "resize": 256,
            "resize_side": "shorter",
            "interpolation": "bicubic",
            "crop": "centre",
            "background": [255, 255, 255],
            "mean": MEAN,
            "std": STD,
            "normalisation": "in the graph",
        },
        "licence": IMAGE_SOURCE.licence,
        "provenance": [
            IMAGE_SOURCE.provenance(),
            {"package": "wordnet", "version": "3.0", "licence": "WordNet-3.0", "file": "recipes/nano/classes.tsv"},
        ],
        "sources": _sources("image"),
        "arithmetic": "f32",
        "precision": "int8 weights for the large matrices, float16 for the rest",
    }


def _audio_part(folder: Path) -> Part:
    """Take the audio recipe's description, and check that it describes the file that is there."""
    part: Part = json.loads((folder / AUDIO_PART).read_text(encoding="utf-8"))
    found = _sha256(folder / part["file"])
    if part["sha256"] != found:
        raise ValueError(f"{AUDIO_PART} describes another {part['file']}: its sha256 is {found}; build audio again")
    return {"arithmetic": "f32", **part}


def _sources(modality: str) -> list[Part]:
    """The packages whose media the head of a tower learned from or was tested with, from the corpus' index."""
    found: dict[tuple[str, str], tuple[Counter[str], set[str]]] = {}
    for record in read_index(INDEX):
        if record.modality == modality:
            counts, licences = found.setdefault((record.package, record.version), (Counter(), set()))
            counts[record.split] += 1
            licences.add(record.licence)
    return [
        {"package": package, "version": version, "licences": sorted(licences), "files": dict(sorted(counts.items()))}
        for (package, version), (counts, licences) in sorted(found.items())
    ]


def _output() -> Part:
    return {"name": "embedding", "type": "float32", "shape": ["batch", DIMENSION], "unit_length": True}


def _fingerprint(parts: Mapping[str, Part]) -> str:
    """Hash what decides a vector: the files and the preprocessing, in the order of their names."""
    deciding = {name: {key: part[key] for key in ("sha256", "preprocessing")} for name, part in parts.items()}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
