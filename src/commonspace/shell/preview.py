"""What an item looks like in small: its picture, a frame at the right moment, or the shape of its sound.

Files are decoded by ``ingest``, within its limits; an item that cannot be decoded any more has no preview.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, final
from urllib.parse import unquote, urlsplit

import numpy as np

from commonspace.core.errors import ItemError
from commonspace.core.item import Audio, Decoded, Span
from commonspace.core.modality import Modality
from commonspace.ingest.decode import Plan, decode
from commonspace.ingest.source import Source, source_of
from commonspace.retrieve.hit import Hit

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Subject", "jpeg", "peaks", "picture", "subject_of"]

SIDE: Final = 480
JPEG_QUALITIES: Final = (85, 70, 50, 30)
VIDEO_BYTES: Final = 32_000_000
"""Longer videos take too long to decode for one frame; the browser shows its own."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is to be shown: a file, perhaps a picture inside it (``inner``), perhaps a part of it (``span``)."""

    path: Path
    modality: Modality
    inner: str = ""
    span: Span | None = None


def subject_of(hit: Hit) -> Subject | None:
    """The file of a hit, and which part of it; None for what is in no file (text given as such)."""
    parts = urlsplit(hit.uri)
    if parts.scheme != "file":
        return None
    span = hit.segment.span if hit.segment else None
    return Subject(path=Path(unquote(parts.path)), modality=hit.modality, inner=unquote(parts.fragment), span=span)


def picture(subject: Subject) -> "Image | None":
    """The picture itself, or a video's frame where its span begins; None if there is none to see."""
    if subject.modality is Modality.VIDEO and _bytes(subject.path) > VIDEO_BYTES:
        return None
    decoded = _decoded(subject.path, subject.inner)
    if decoded is None:
        return None
    frames = [piece for piece in decoded.pieces if piece.modality is Modality.IMAGE]
    start = (subject.span and subject.span.start_seconds) or 0.0
    begun = [piece for piece in frames if piece.span is None or (piece.span.start_seconds or 0.0) <= start]
    shown = begun[-1:] or frames[:1]
    return _small(shown[0].content) if shown else None


def peaks(subject: Subject, count: int) -> Sequence[float]:
    """The loudest sample of each of ``count`` equal stretches, the loudest of all being one; empty if not decodable."""
    decoded = _decoded(subject.path, subject.inner)
    pieces = decoded.pieces if decoded else ()
    sounds = [piece.content.array for piece in pieces if isinstance(piece.content, Audio)]
    if not sounds:
        return ()
    samples = np.abs(np.concatenate(sounds).astype(np.float32))
    loudest = [float(part.max(initial=0.0)) for part in np.array_split(samples, count)]
    top = max(loudest)
    return [level / top for level in loudest] if top > 0 else loudest


def jpeg(image: "Image", *, max_bytes: int) -> bytes:
    """A picture as JPEG, as good as fits into ``max_bytes`` (the coarsest quality if none fits)."""
    data = b""
    for quality in JPEG_QUALITIES:
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        data = buffer.getvalue()
        if len(data) <= max_bytes:
            break
    return data


@lru_cache(maxsize=8)
def _decoded(path: Path, inner: str) -> Decoded | None:
    """Decode once what several hits show; small, since it holds pixels and samples."""
    plan = Plan(image_side=SIDE)
    try:
        whole = decode(source_of(path), plan)
        if not inner:
            return whole
        data = next((part.data for part in whole.embedded if part.name == inner), None)
        return None if data is None else decode(Source(uri=f"inner:{inner}", name=inner, origin=data), plan)
    except ItemError:
        return None


def _small(content: object) -> "Image | None":
    from PIL import Image

    if not isinstance(content, np.ndarray):
        return None
    image = Image.fromarray(content)
    image.thumbnail((SIDE, SIDE))
    return image


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
