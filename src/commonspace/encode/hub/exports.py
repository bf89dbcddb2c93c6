"""Where a model's exports for OpenVINO lie and what was measured when they were accepted; reads and writes records."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, final

import orjson

from commonspace.core.modality import Modality
from commonspace.encode.runtime import Precision

__all__ = ["Export", "optimised_folder", "optimised_precision", "read_record", "write_record"]

RECORD: Final = "optimised.json"
FORMAT: Final = 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One modality's export: the least and the mean cosine with PyTorch, and how many times as fast it is."""

    modality: Modality
    precision: str
    least_cosine: float
    mean_cosine: float
    speed_up: float
    num_samples: int


def optimised_folder(cache: Path, fingerprint: str) -> Path:
    """Where the exports of a space lie."""
    return cache / "optimised" / fingerprint


def optimised_precision(folder: Path) -> Precision | None:
    """The arithmetic that the exports in a folder were accepted with; None where there are none, or others'."""
    try:
        return Precision(read_record(folder)["precision"])
    except (KeyError, ValueError):
        return None


def read_record(folder: Path) -> Mapping[str, Any]:
    """What was written down of the exports in a folder; empty where there are none, or others'."""
    try:
        told = orjson.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) and told.get("format") == FORMAT else {}


def write_record(folder: Path, precision: str, exports: Sequence[Export]) -> None:
    """Write down with what arithmetic exports were accepted, and what was measured."""
    record = {"format": FORMAT, "precision": precision, "exports": [asdict(each) for each in exports]}
    (folder / RECORD).write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))
