"""An item is one thing a person has; a piece is the part of it that gets one vector."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality

__all__ = [
    "Audio",
    "Content",
    "Decoded",
    "Embedded",
    "Metadata",
    "Piece",
    "Pixels",
    "Row",
    "Scalar",
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
class Span:
    """Where in its item a piece lies; only what applies is set. Times in seconds, pages from one."""

    start_seconds: float | None = None
    end_seconds: float | None = None
    page: int | None = None
    heading: str | None = None
    start_char: int | None = None
    end_char: int | None = None


Content = str | Pixels | Audio | Trace | Row
"""What a tower takes: text, an RGB image, mono sound at the rate the decoding asked for, a stretch of a sensor
recording, or a row of a table."""


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
class Decoded:
    """What one decode function found in one item.

    ``content_hash`` is the BLAKE3 of the bytes read. ``cost`` counts work in the modality's own unit
    (characters, pixels, samples, cells). ``notes`` say what was done to the item (truncated, resampled).
    """

    modality: Modality
    media_type: str
    content_hash: str
    num_bytes: int
    cost: int
    pieces: tuple[Piece, ...]
    embedded: tuple[Embedded, ...] = ()
    notes: tuple[str, ...] = ()
    metadata: Metadata
    trace: Trace | None = None
    table: Table | None = None
