"""Where a model's exports for OpenVINO lie and what was measured when they were made; reads and writes records."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, final

import orjson

from commonspace.core.modality import Modality
from commonspace.encode.runtime import Precision

__all__ = ["Export", "export_of", "optimised_folder", "optimised_precision", "write_export"]

FORMAT: Final = 2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One modality's export: the least and the mean cosine with PyTorch, and how many times as fast it is.

    Where it was not ``kept``, PyTorch goes on running the network; ``reason`` says why.
    """

    modality: Modality
    precision: str
    least_cosine: float
    mean_cosine: float
    speed_up: float
    num_samples: int
    kept: bool = True
    reason: str = ""


def optimised_folder(cache: Path, fingerprint: str) -> Path:
    """Where the exports of a space lie."""
    return cache / "optimised" / fingerprint


def optimised_precision(folder: Path, towers: Sequence[Modality]) -> str | None:
    """The arithmetic of the exports of these towers that are used, by name; None where none is."""
    found = (export_of(folder, modality) for modality in towers)
    return ", ".join(sorted({each.precision for each in found if each is not None and each.kept})) or None


def export_of(folder: Path, modality: Modality | str) -> Export | None:
    """What was found out when a modality's network was exported into a folder; None where nobody tried, or others."""
    try:
        told = orjson.loads((folder / _record(modality)).read_bytes())
        if told.pop("format") != FORMAT:
            return None
        found = Export(**{**told, "modality": Modality(told["modality"])})
        Precision(found.precision)
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return None
    return found


def write_export(folder: Path, export: Export) -> None:
    """Write down what was found out; whoever reads meanwhile sees the old record or the new one."""
    place = folder / _record(export.modality)
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.write_bytes(orjson.dumps({"format": FORMAT, **asdict(export)}, option=orjson.OPT_INDENT_2))
    draft.replace(place)


def _record(modality: Modality | str) -> str:
    return f"{modality}.json"
