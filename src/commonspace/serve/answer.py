"""What the engine says of one item: its vector, what was done to it, what it cost, and where the time went."""

from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.item import Metadata
from commonspace.core.modality import Modality
from commonspace.encode.prepare import Prepared

__all__ = ["Answer", "Timing", "Usage", "is_truncated", "usage_of"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much was embedded, in each modality's own unit."""

    tokens: int = 0
    pixels: int = 0
    seconds: float = 0.0
    cells: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            tokens=self.tokens + other.tokens,
            pixels=self.pixels + other.pixels,
            seconds=self.seconds + other.seconds,
            cells=self.cells + other.cells,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds that an item spent decoding, waiting for its towers, and in them."""

    decode_seconds: float = 0.0
    queue_seconds: float = 0.0
    inference_seconds: float = 0.0


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """One item's vector (d, float32, unit length). ``compute_seconds`` is its share of the machine.

    ``metadata`` is what decoding found: a picture's width and height, a sound's rate and seconds.
    """

    vector: NDArray[np.float32]
    modality: Modality
    notes: tuple[str, ...]
    truncated: bool
    usage: Usage
    timing: Timing = Timing()
    compute_seconds: float = 0.0
    cached: bool = False
    metadata: Metadata = field(default_factory=dict)


def usage_of(prepared: Prepared) -> Usage:
    """What an item counts for: tokens of its texts, pixels, seconds of sound or video, cells of a table."""
    texts = [piece for piece in prepared.pieces if piece.modality == Modality.TEXT]
    return Usage(
        tokens=sum(len(piece.features) for piece in texts),
        pixels=prepared.cost if prepared.modality == Modality.IMAGE else 0,
        seconds=float(prepared.metadata.get("seconds", 0.0)),
        cells=prepared.cost if prepared.modality == Modality.TABLE else 0,
    )


def is_truncated(notes: tuple[str, ...]) -> bool:
    """Whether the notes say that a part of the item was not used."""
    return any(note.startswith("first ") or "left out" in note or "only" in note for note in notes)
