"""The picture, frame or clip that a hit stands for, cut out of its file when somebody asks for it."""

import io
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import numpy as np

from commonspace.apps.rag.context import Medium, seconds_of
from commonspace.core.errors import ItemError
from commonspace.core.item import Audio, Decoded
from commonspace.core.modality import Modality
from commonspace.ingest.decode import Plan, decode
from commonspace.ingest.source import Source, source_of
from commonspace.retrieve.hit import Hit

__all__ = ["medium_of"]

SIDE: Final = 1024
SENT_AS_THEY_ARE: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
MOST_BYTES: Final = 4_000_000
JPEG_QUALITY: Final = 85


def medium_of(hit: Hit) -> Medium | None:
    """The hit's picture as it is (scaled down if large), its frame as JPEG, or its clip as WAV of at most 30 seconds.

    None for text, for what was never a file, and for files that are gone or cannot be decoded any more.
    """
    parts = urlsplit(hit.uri)
    if parts.scheme != "file" or hit.modality not in (Modality.IMAGE, Modality.AUDIO, Modality.VIDEO):
        return None
    path, inner = Path(unquote(parts.path)), unquote(parts.fragment)
    try:
        source = _inner(path, inner) if inner else source_of(path)
        if source is None:
            return None
        if hit.modality is Modality.IMAGE and hit.media_type in SENT_AS_THEY_ARE:
            data = source.origin if isinstance(source.origin, bytes) else _small_file(path)
            if data is not None:
                return Medium(media_type=hit.media_type, data=data)
        return _made(hit, decode(source, Plan(image_side=SIDE)))
    except (ItemError, OSError):
        return None


def _inner(path: Path, name: str) -> Source | None:
    """A picture inside a document, by its name."""
    found = (part.data for part in decode(source_of(path), Plan()).embedded if part.name == name)
    data = next(found, None)
    return None if data is None else Source(uri=f"inner:{name}", name=name, origin=data)


def _small_file(path: Path) -> bytes | None:
    return path.read_bytes() if path.stat().st_size <= MOST_BYTES else None


def _made(hit: Hit, decoded: Decoded) -> Medium | None:
    start = (hit.segment.span.start_seconds if hit.segment else None) or 0.0
    if hit.modality is Modality.AUDIO:
        return _clip(decoded, start, seconds_of(hit))
    frames = [piece for piece in decoded.pieces if piece.modality is Modality.IMAGE]
    begun = [piece for piece in frames if piece.span is None or (piece.span.start_seconds or 0.0) <= start]
    shown = begun[-1:] or frames[:1]
    content = shown[0].content if shown else None
    return _jpeg(content) if isinstance(content, np.ndarray) else None


def _clip(decoded: Decoded, start_seconds: float, num_seconds: float) -> Medium | None:
    """The sound from a moment on, as 16-bit WAV."""
    import soundfile

    sounds = [piece.content for piece in decoded.pieces if isinstance(piece.content, Audio)]
    if not sounds:
        return None
    rate = sounds[0].rate
    samples = np.concatenate([sound.array for sound in sounds])
    first = int(start_seconds * rate)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples[first : first + int(num_seconds * rate)], rate, format="WAV", subtype="PCM_16")
    return Medium(media_type="audio/wav", data=buffer.getvalue())


def _jpeg(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Medium:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return Medium(media_type="image/jpeg", data=buffer.getvalue())
