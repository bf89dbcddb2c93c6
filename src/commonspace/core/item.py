"""An item is one thing a person has; a piece is the part of it that gets one vector."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality

__all__ = [
    "Audio",
    "Clip",
    "Content",
    "Decoded",
    "Embedded",
    "Metadata",
    "Piece",
    "Pixels",
    "Region",
    "Row",
    "Scalar",
    "Sheet",
    "Span",
    "Table",
    "Trace",
]

Pixels = NDArray[np.uint8]
"""An image: height x width x 3, RGB."""

Scalar = str | int | float | bool
Metadata = dict[str, Scalar]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Sound: ``array`` is samples, or samples x channels, floats in -1..1 or integers; ``rate`` in hertz."""

    array: NDArray[np.generic]
    rate: int


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """A stretch of a video: ``frames`` (n x height x width x 3, RGB) lie evenly over it."""

    frames: NDArray[np.uint8]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """A sensor recording: ``array`` is samples x channels, with one name and unit a channel."""

    array: NDArray[np.float32]
    rate_hz: float
    channels: tuple[str, ...]
    units: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under named, typed columns; a type is one of text, number, boolean, time."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Scalar | None, ...], ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table; ``shares`` say for each number what share of its column is smaller, where that is known."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    cells: tuple[Scalar | None, ...]
    shares: tuple[float | None, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A box on a page or in a picture as a person sees it, upright: shares of its width and height from the top left.

    ``0 <= left <= right <= 1`` and ``0 <= top <= bottom <= 1``. In JSON it is an object with these four names.
    """

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def within(cls, left: float, top: float, right: float, bottom: float) -> Self:
        """The box in order and on the page, to four decimals: a tenth of a millimetre on a page."""
        across, down = sorted((left, right)), sorted((top, bottom))
        kept = [round(min(1.0, max(0.0, float(value))), 4) for value in (across[0], down[0], across[1], down[1])]
        return cls(left=kept[0], top=kept[1], right=kept[2], bottom=kept[3])

    def joined(self, other: "Region") -> "Region":
        """The least box that holds both."""
        return Region(
            left=min(self.left, other.left),
            top=min(self.top, other.top),
            right=max(self.right, other.right),
            bottom=max(self.bottom, other.bottom),
        )

    def to_dict(self) -> dict[str, float]:
        """The box as it stands in JSON, stored and answered alike."""
        return {"left": self.left, "top": self.top, "right": self.right, "bottom": self.bottom}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where in its item a piece lies; only what applies is set. Times in seconds, pages from one.

    ``regions`` are the boxes of its words on the page or in the picture, in reading order. ``confidence`` says how sure
    a reader was of words that it read off pixels, 0 to 1; words that stood there as text have none.
    """

    start_seconds: float | None = None
    end_seconds: float | None = None
    page: int | None = None
    heading: str | None = None
    start_char: int | None = None
    end_char: int | None = None
    regions: tuple[Region, ...] = ()
    confidence: float | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """The span that ``to_dict`` told of; other names in it are left aside.

        Raises:
            TypeError: a region is no box.
        """
        known: dict[str, Any] = {field.name: told[field.name] for field in fields(cls) if field.name in told}
        if known.get("regions"):
            known["regions"] = tuple(Region(**each) for each in known["regions"])
        return cls(**known)

    def to_dict(self) -> dict[str, Any]:
        """The fields that are set, as they stand in JSON, stored and answered alike."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "regions"}
        told = {name: value for name, value in plain.items() if value is not None}
        return {**told, "regions": [region.to_dict() for region in self.regions]} if self.regions else told


Content = str | Pixels | Clip | Audio | Trace | Row
"""What a tower takes: text, an RGB image, frames of a video, mono sound at the rate the decoding asked for, a stretch
of a sensor recording, or a row of a table."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """One thing to embed: content for the tower of ``modality``, and where it lies in its item."""

    modality: Modality
    content: Content
    span: Span | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """An encoded media file found inside another item (a picture in a PDF): an item of its own."""

    name: str
    data: bytes
    span: Span | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """A whole picture, or a page as it is drawn, kept large enough to read: JPEG, upright; ``page`` from one."""

    data: bytes
    page: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """What one decode function found in one item.

    ``content_hash`` is the BLAKE3 of the bytes read. ``cost`` counts work in the modality's own unit
    (characters, pixels, samples, cells). ``notes`` say what was done to the item (truncated, resampled).
    ``sheets`` are what a reader is to look for words in, where the plan asked for them.
    """

    modality: Modality
    media_type: str
    content_hash: str
    num_bytes: int
    cost: int
    pieces: tuple[Piece, ...]
    embedded: tuple[Embedded, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    notes: tuple[str, ...] = ()
    metadata: Metadata
    trace: Trace | None = None
    table: Table | None = None
