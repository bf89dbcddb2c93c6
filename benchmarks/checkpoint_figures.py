"""What ``benchmarks.checkpoints`` makes of its laps: cosines, lines of the table, and what was asked and not kept."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest import Lap, standing, times_as_fast
from benchmarks.rivals import Trial
from commonspace.core.modality import Modality

__all__ = [
    "ALONE",
    "HEADER",
    "LIBRARY",
    "OURS",
    "Found",
    "cells",
    "centred",
    "kept",
    "laps_of",
    "least",
    "missed",
    "read",
    "times",
]

Rows = NDArray[np.float32]

OURS, LIBRARY, ALONE = "commonspace", "the library", "commonspace, tower alone"
NOT_RIVALS: Final = (OURS, ALONE, "commonspace, float32")
LEAST_COSINE, LEAST_SPEED_UP, LEAST_SHARE = 0.9995, 2.0, 0.8
MODES = ("one at a time", "best batch")
HEADER = (
    "items",
    "how",
    "contender",
    "batch",
    "items/s",
    "processor ms",
    "cosine",
    "centred",
    "commonspace is",
    "memory",
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One kind of item: every lap, and each contender's least cosine with the library, plain and centred."""

    model: str
    modality: Modality
    num_items: int
    laps: tuple[Lap, ...]
    cosines: Mapping[str, tuple[float, float]]

    @property
    def name(self) -> str:
        """What the items are called."""
        return f"{self.model}, {self.modality}"


def least(reference: Rows, rows: Rows) -> float:
    """The least cosine between two arrays' rows (n x d)."""
    both = np.linalg.norm(reference, axis=1) * np.linalg.norm(rows, axis=1)
    return float(((reference * rows).sum(axis=1) / both).min())


def centred(reference: Rows, rows: Rows) -> tuple[Rows, Rows]:
    """Both without the reference's mean row."""
    mean = reference.mean(axis=0)
    return reference - mean, rows - mean


def laps_of(found: Found, mode: str) -> list[Lap]:
    """The laps of one way of working."""
    return [lap for lap in found.laps if mode == MODES[1] or lap.trial.batch == 1]


def times(found: Found, mode: str, rival: str) -> float:
    """How many times as fast as another contender ours is, each as it is served best; the median of the rounds."""
    return median(times_as_fast(laps_of(found, mode), OURS, rival))


def missed(found: Found) -> list[str]:
    """What ours does not keep, in words."""
    told = []
    if found.cosines[OURS][0] < LEAST_COSINE:
        told.append(f"{found.name}: a cosine of {found.cosines[OURS][0]:.5f}, asked {LEAST_COSINE}")
    counted = [name for name, (cosine, _) in found.cosines.items() if cosine >= LEAST_COSINE and name not in NOT_RIVALS]
    for mode in MODES:
        for name in counted:
            ratio, wanted = times(found, mode, name), LEAST_SPEED_UP if name == LIBRARY else 1.0
            if ratio < wanted:
                told.append(f"{found.name}, {mode}: {ratio:.2f}x {name}, asked {wanted:g}x")
    share = times(found, MODES[1], ALONE)
    if found.modality is Modality.IMAGE and share < LEAST_SHARE:
        told.append(f"{found.name}: {share:.0%} of the tower's own rate, asked {LEAST_SHARE:.0%}")
    return told


def cells(found: Found) -> list[list[str]]:
    """The table's lines for one kind of item."""
    lines = []
    for mode in MODES:
        laps = laps_of(found, mode)
        for name, (cosine, apart) in found.cosines.items():
            one = standing(laps, name)
            ratio = "" if name == OURS else f"{times(found, mode, name):.2f}x"
            lines.append(
                [
                    f"{found.num_items} x {found.name}",
                    mode,
                    name,
                    str(one.trial.batch),
                    f"{one.items_per_second:.1f}",
                    f"{one.processor_milliseconds:.1f}",
                    f"{cosine:.5f}" if cosine >= LEAST_COSINE else f"{cosine:.5f}, does not count",
                    f"{apart:.4f}",
                    ratio,
                    f"{one.peak_bytes / 2**20:.0f} MiB",
                ]
            )
    return lines


def kept(found: Found, place: Path) -> None:
    """Write one kind of item's figures down."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(asdict(found), indent=1), "utf-8")


def read(place: Path) -> Found:
    """Figures that were written down."""
    told = json.loads(place.read_text("utf-8"))
    laps = tuple(Lap(**{**lap, "trial": Trial(**lap["trial"])}) for lap in told.pop("laps"))
    cosines = {name: (first, second) for name, (first, second) in told.pop("cosines").items()}
    return Found(**{**told, "modality": Modality(told["modality"])}, laps=laps, cosines=cosines)
