"""Every limit that decoding honours, and every code that a refused item can carry."""

from dataclasses import dataclass
from typing import Final, final

__all__ = ["ITEM_CODES", "MEGABYTE", "Limits"]

MEGABYTE: Final = 1_000_000

ITEM_CODES: Final[dict[str, str]] = {
    "bad_schema": "a sensor recording or a table contradicts its own header",
    "bad_value": "a Python value of a kind, shape or rate that cannot be embedded",
    "corrupt": "the bytes do not decode as the type that they claim to be",
    "decoder_died": "the decoder crashed on this item and was replaced",
    "decoder_failed": "the decoder stopped in a way it should not; worth reporting",
    "empty": "there is nothing inside: no bytes, no words, no samples, no pictures",
    "encrypted": "the document asks for a password",
    "link_loop": "a symbolic link leads back to itself or to a folder that holds it",
    "missing_extra": "an optional dependency for this type is not installed",
    "not_a_file": "a folder, pipe, socket or device where a file was expected",
    "not_finite": "samples that are not numbers (NaN or infinity)",
    "not_text": "bytes that are neither text nor any media type known here",
    "nothing_to_embed": "a value that decodes but holds nothing with a vector of its own",
    "out_of_memory": "decoding needs more memory than one worker may use",
    "reading_failed": "the words in this picture or page could not be read; it is indexed without them",
    "refused_type": "a type that is known and refused on purpose (playlists, SVG, archives, ...)",
    "timeout": "decoding showed no progress within the time limit",
    "too_large": "more bytes, cells, samples or channels than the limit",
    "too_many_pixels": "an image or video frame with more pixels than the limit, or a side too long",
    "too_small": "an image of too few pixels or a sound of too few samples to mean anything",
    "too_thin": "an image whose sides differ by more than the allowed ratio",
    "transcription_failed": "the speech model stopped on this sound, which is indexed without its words",
    "unknown_codec": "a known container that holds a codec which is not decoded here",
    "unreadable": "the file cannot be opened or read (permissions, a disk error)",
    "unsupported_modality": "the space has no tower for this kind of item",
    "url_failed": "the media behind a URL could not be fetched: no answer, not in time, or too much",
    "url_refused": "a URL that the service may not fetch: fetching is off, or the place is not allowed",
    "vanished": "the path does not exist, or stopped existing before it was read",
    "wrong_type": "media where text was expected, or of another kind than the request says",
}
"""The values of ``ItemError.item_code``, each with its meaning."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one item may cost.

    More bytes, pixels, cells or samples than allowed is refused. More seconds of sound or video, pages,
    pictures or rows than allowed is cut, and the item's notes say so. ``item_seconds`` is wall time without any sign of
    progress; ``longest_seconds`` bounds an item that does make progress (a long video).
    """

    image_bytes: int = 20 * MEGABYTE
    image_pixels: int = 40_000_000
    image_longest_side: int = 16_384
    image_shortest_side: int = 8
    image_ratio: int = 200

    audio_bytes: int = 256 * MEGABYTE
    audio_seconds: float = 600.0
    audio_shortest_seconds: float = 0.02
    audio_rate_hertz: int = 192_000
    audio_channels: int = 8

    video_bytes: int = 512 * MEGABYTE
    video_seconds: float = 1800.0
    video_pixels: int = 4096 * 2304
    video_frames: int = 300

    text_bytes: int = 1 * MEGABYTE
    document_bytes: int = 64 * MEGABYTE
    document_pages: int = 500
    document_pictures: int = 64
    picture_shortest_side: int = 48

    table_cells: int = 100_000
    table_rows: int = 1_000
    sensor_samples: int = 10_000_000
    sensor_bytes: int = 64 * MEGABYTE

    memory_bytes: int = 128 * MEGABYTE
    item_seconds: float = 5.0
    longest_seconds: float = 300.0
    worker_bytes: int = 1 << 30
