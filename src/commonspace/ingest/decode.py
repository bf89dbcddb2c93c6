"""One way from any item to checked arrays: read, sniff, decode, hash, or one clear error."""

import re
from typing import Final

from blake3 import blake3

from commonspace.core.errors import ItemError
from commonspace.core.item import Audio, Decoded, Sheet, Table, Trace
from commonspace.core.modality import Modality
from commonspace.ingest.container import CONTAINER_TYPES
from commonspace.ingest.payload import Payload, open_payload
from commonspace.ingest.plan import Plan
from commonspace.ingest.sniff import sniff
from commonspace.ingest.source import Source, source_of
from commonspace.ingest.text import text_pieces
from commonspace.ingest.textual import decode_text

__all__ = ["Plan", "decode", "decode_value"]

HALF_CHARACTERS: Final = re.compile("[\ud800-\udfff]")
"""Surrogates without their other half: a ``str`` can hold them, UTF-8 cannot."""
SENSOR_TYPES: Final = frozenset({"application/vnd.commonspace.sensor+json", "text/vnd.commonspace.sensor+csv"})
TABLE_TYPES: Final = frozenset(
    {"text/csv", "text/tab-separated-values", "application/x-ndjson", "application/vnd.apache.parquet"}
)

DOCUMENT_TYPES: Final = frozenset({"application/pdf", "text/html", "text/markdown"})


def decode(source: Source, plan: Plan) -> Decoded:
    """One source as checked arrays.

    Raises:
        ItemError: whatever is wrong with the item, in our own words; nothing else is raised for bad input.
    """
    if isinstance(source.origin, str):
        return _decode_str(source.origin, plan)
    try:
        with open_payload(source.origin) as payload:
            return _decode_payload(payload, sniff(payload.head), plan)
    except ItemError:
        raise
    except MemoryError:
        cause = "Decoding needs more memory than a worker may use."
        raise ItemError("out_of_memory", cause, fix="Scale it down or split it.") from None
    except Exception as error:  # the wall: foreign decoders raise anything, and one item must not end a run
        cause = f"The decoder stopped in an unforeseen way ({type(error).__name__})."
        raise ItemError("decoder_failed", cause, fix="Convert the item to another format; please report it.") from error


def decode_value(item: object, plan: Plan) -> Decoded:
    """A Python value as checked arrays: text, path, bytes, ``PIL.Image.Image``, ``Audio``, ``Trace`` or ``Table``.

    Raises:
        ItemError: as ``decode``, or a value that is none of these.
    """
    if isinstance(item, Audio):
        return _decode_audio_value(item, plan)
    if isinstance(item, Trace):
        from commonspace.ingest.sensor import decode_trace

        return decode_trace(item, plan)
    if isinstance(item, Table):
        from commonspace.ingest.table import decode_table

        return decode_table(item, plan)
    if _is_picture(item):
        return _decode_picture_value(item, plan)
    if type(item).__module__ == "numpy":
        raise ItemError(
            "bad_value",
            "A bare array may be sound, a picture or anything.",
            fix="Wrap it: Audio(array, rate) for sound, PIL.Image.fromarray(array) for a picture.",
        )
    return decode(source_of(item), plan)


def _decode_payload(payload: Payload, media_type: str, plan: Plan) -> Decoded:
    """Send an opened item to the decoder of its kind; heavy decoders are loaded only when met."""
    kind = media_type.split("/", maxsplit=1)[0]
    if media_type in SENSOR_TYPES | TABLE_TYPES | DOCUMENT_TYPES:
        return _decode_structured(payload, media_type, plan)
    if kind == "image":
        return _decode_picture(payload, media_type, plan)
    if kind == "text":
        return _decode_text_file(payload, plan)
    if kind == "audio" and media_type not in CONTAINER_TYPES:
        return _decode_sound(payload, media_type, plan)
    from commonspace.ingest.video import decode_stream

    return decode_stream(payload, media_type, plan)


def _decode_structured(payload: Payload, media_type: str, plan: Plan) -> Decoded:
    """Documents, tables and sensor recordings."""
    if media_type in SENSOR_TYPES:
        from commonspace.ingest.sensor import decode_sensor

        return decode_sensor(payload, media_type, plan)
    if media_type in TABLE_TYPES:
        from commonspace.ingest.table import decode_table_file

        return decode_table_file(payload, media_type, plan)
    from commonspace.ingest.document import decode_document

    return decode_document(payload, media_type, plan)


def _decode_picture(payload: Payload, media_type: str, plan: Plan) -> Decoded:
    from commonspace.ingest.image import decode_image

    data = payload.read(plan.limits.image_bytes, "images")
    piece, metadata, notes = decode_image(data, media_type, plan)
    sheets: tuple[Sheet, ...] = ()
    if plan.sheet_pixels:
        from commonspace.ingest.sheets import picture_sheet

        sheets = (picture_sheet(data, media_type, plan),)
    return Decoded(
        modality=Modality.IMAGE,
        media_type=media_type,
        content_hash=blake3(data).hexdigest(),
        num_bytes=len(data),
        cost=int(metadata["width"]) * int(metadata["height"]),
        pieces=(piece,),
        sheets=sheets,
        notes=notes,
        metadata=metadata,
    )


def _decode_sound(payload: Payload, media_type: str, plan: Plan) -> Decoded:
    from commonspace.ingest.audio import decode_soundfile

    data = payload.read(plan.limits.audio_bytes, "sounds")
    pieces, metadata, notes = decode_soundfile(data, media_type, plan)
    return Decoded(
        modality=Modality.AUDIO,
        media_type=media_type,
        content_hash=blake3(data).hexdigest(),
        num_bytes=len(data),
        cost=round(float(metadata["seconds"]) * plan.audio_rate),
        pieces=pieces,
        notes=notes,
        metadata=metadata,
    )


def _decode_text_file(payload: Payload, plan: Plan) -> Decoded:
    data = payload.read(plan.limits.text_bytes, "texts")
    text, notes = decode_text(data)
    return _text(text, data, notes, plan)


def _decode_str(text: str, plan: Plan) -> Decoded:
    text, num_halves = HALF_CHARACTERS.subn("\N{REPLACEMENT CHARACTER}", text)
    data = text.encode()
    if len(data) > plan.limits.text_bytes:
        cause = f"The text has {len(data)} bytes; the limit is {plan.limits.text_bytes}."
        raise ItemError("too_large", cause, fix="Split it into several items.")
    return _text(text, data, ("half characters replaced",) if num_halves else (), plan)


def _text(text: str, data: bytes, notes: tuple[str, ...], plan: Plan) -> Decoded:
    return Decoded(
        modality=Modality.TEXT,
        media_type="text/plain",
        content_hash=blake3(data).hexdigest(),
        num_bytes=len(data),
        cost=len(text),
        pieces=text_pieces(text, plan),
        notes=notes,
        metadata={"characters": len(text)},
    )


def _is_picture(item: object) -> bool:
    """Whether the value is a Pillow image; Pillow is loaded only if the caller has it already."""
    return type(item).__module__.startswith("PIL.") and hasattr(item, "convert")


def _decode_picture_value(item: object, plan: Plan) -> Decoded:
    from commonspace.ingest.image import decode_picture

    piece, metadata, notes, data = decode_picture(item, plan)
    return Decoded(
        modality=Modality.IMAGE,
        media_type="image/x-pixels",
        content_hash=blake3(data).hexdigest(),
        num_bytes=len(data),
        cost=int(metadata["width"]) * int(metadata["height"]),
        pieces=(piece,),
        notes=notes,
        metadata=metadata,
    )


def _decode_audio_value(item: Audio, plan: Plan) -> Decoded:
    import numpy as np

    from commonspace.ingest.audio import decode_samples

    pieces, metadata, notes = decode_samples(item, plan)
    data = np.ascontiguousarray(item.array).tobytes()
    return Decoded(
        modality=Modality.AUDIO,
        media_type="audio/x-samples",
        content_hash=blake3(data + str(item.rate).encode()).hexdigest(),
        num_bytes=len(data),
        cost=round(float(metadata["seconds"]) * plan.audio_rate),
        pieces=pieces,
        notes=notes,
        metadata=metadata,
    )
