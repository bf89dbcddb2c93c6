"""The folder of the full-spectrum space: the sensor head, a manifest that extends `nano`, and a card."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from commonspace.align.posthoc import Affine
from commonspace.encode.manifest import Manifest
from commonspace.encode.sensing.sensor import NUM_FEATURES
from recipes.nano.manifest import to_json
from recipes.nano.sensing.head import Scaling
from recipes.nano.sensing.recordings import CONCEPTS, LEARNED_PACE, STRANGERS

__all__ = ["FEATURES_VERSION", "write_space"]

NAME = "nano-full"
HEAD = "sensor.safetensors"
FEATURES_VERSION = 1
"""Raised when `commonspace.encode.sensing` makes other features, or tells rows in other words: vectors change then."""
DESCRIPTION = "nano and two towers more: sensor recordings by what they show, and table rows by what they say."
CARD = Path(__file__).with_name("card.md")


def write_space(folder: Path, nano: Path, head: Affine, scaling: Scaling, facts: dict[str, Any]) -> None:
    """Write the head (float16), the manifest and the card; ``nano`` is the folder of the space that is extended."""
    from safetensors.numpy import save

    folder.mkdir(parents=True, exist_ok=True)
    half = {"weight": head.weight.T, "bias": head.offset}
    whole = {"mean": scaling.mean, "spread": scaling.spread}
    arrays = {name: np.ascontiguousarray(value, dtype=np.float16) for name, value in half.items()}
    arrays |= {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in whole.items()}
    (folder / HEAD).write_bytes(save(arrays))
    (folder / "manifest.json").write_text(to_json(_manifest(folder, nano, facts)), encoding="utf-8")
    (folder / "card.md").write_text(CARD.read_text("utf-8"), encoding="utf-8")


def _manifest(folder: Path, nano: Path, facts: dict[str, Any]) -> dict[str, Any]:
    extended = Manifest.read(nano).space
    parts = {"sensor": _sensor(folder, facts), "table": _table()}
    extends = {"name": extended.name, "fingerprint": extended.fingerprint}
    deciding = {name: {key: part.get(key) for key in ("sha256", "preprocessing")} for name, part in parts.items()}
    told = json.dumps({"extends": extends, "parts": deciding}, sort_keys=True)
    return {
        "format": 1,
        "name": NAME,
        "version": "1",
        "dimension": extended.dimension,
        "modalities": [*extended.towers, *parts],
        "licence": "Apache-2.0",
        "description": DESCRIPTION,
        "extends": extends,
        "parts": parts,
        "fingerprint": hashlib.sha256(told.encode()).hexdigest(),
    }


def _sensor(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "file": HEAD,
        "sha256": hashlib.sha256((folder / HEAD).read_bytes()).hexdigest(),
        "num_bytes": (folder / HEAD).stat().st_size,
        "preprocessing": {"features": NUM_FEATURES, "version": FEATURES_VERSION},
        "arithmetic": "f32",
        "precision": "float16 weights",
        "licence": "Apache-2.0",
        "provenance": [
            {
                "name": "recordings made from formulas (recipes/nano/sensing), none of them measured",
                "concepts": len(CONCEPTS),
                "held out of the judged head": sorted(STRANGERS),
                "pace learned from": list(LEARNED_PACE),
                **facts,
            }
        ],
    }


def _table() -> dict[str, Any]:
    return {
        "preprocessing": {"version": FEATURES_VERSION, "read by": "the text tower"},
        "arithmetic": "bf16",
        "licence": "Apache-2.0",
        "provenance": [{"name": "the text tower of nano, unchanged; nothing was trained for tables"}],
    }
