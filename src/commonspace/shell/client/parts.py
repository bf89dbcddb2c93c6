"""Items as a person has them become the parts of a request: what they are is judged by content, never by name."""

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from commonspace.core.errors import ItemError
from commonspace.core.item import Audio
from commonspace.core.modality import Modality
from commonspace.ingest.sniff import sniff
from commonspace.ingest.textual import decode_text

__all__ = ["Draft", "Part", "draft", "read_file"]

HEAD_BYTES: Final = 4096
KINDS: Final = {"image": Modality.IMAGE, "audio": Modality.AUDIO, "video": Modality.VIDEO}
SUBTYPES: Final = {"int16": "PCM_16", "int32": "PCM_32", "float64": "DOUBLE"}
QUICKLY: Final = 1
HALF_CHARACTERS: Final = re.compile("[\ud800-\udfff]")
"""Lone surrogates, which JSON cannot hold."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One item as it stands in the request's ``input``: a text, or a typed part."""

    modality: Modality
    document: str | dict[str, Any]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An item not yet read: about how many bytes it is, and how to make its part when its turn has come.

    ``make`` raises ItemError for an item that cannot be read.
    """

    num_bytes: int
    make: Callable[[], Part]


def draft(item: object) -> Draft:
    """The draft of one item: ``str`` is text, ``Path`` a file, ``bytes`` encoded media, PIL pictures, ``Audio``."""
    if isinstance(item, str):
        return Draft(num_bytes=len(item), make=partial(_text, item))
    if isinstance(item, Path):
        return Draft(num_bytes=_size(item), make=lambda: _media(read_file(item)))
    if isinstance(item, bytes | bytearray | memoryview):
        return Draft(num_bytes=memoryview(item).nbytes, make=partial(_media, bytes(item)))
    if isinstance(item, Audio):
        return Draft(num_bytes=np.asarray(item.array).nbytes, make=partial(_sound, item))
    if type(item).__module__.startswith("PIL.") and hasattr(item, "save"):
        return Draft(num_bytes=item.width * item.height * 3, make=partial(_picture, item))  # type: ignore[attr-defined]
    return Draft(num_bytes=0, make=partial(_refuse, item))


def _text(text: str) -> Part:
    return Part(modality=Modality.TEXT, document=HALF_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text))


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        ItemError: it is not there, no file, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ItemError("vanished", f"{path.name} does not exist.", fix="Check the path.") from error
    except IsADirectoryError as error:
        raise ItemError("not_a_file", f"{path.name} is a folder.", fix="Give the files in it one by one.") from error
    except OSError as error:
        raise ItemError(
            "unreadable", f"{path.name} cannot be read: {error.strerror}.", fix="Check its permissions and its disk."
        ) from error


def _media(data: bytes) -> Part:
    if not data:
        raise ItemError("empty", "There are no bytes.", fix="Leave it out, or give the whole file.")
    media_type = sniff(data[:HEAD_BYTES])
    kind, _, form = media_type.partition("/")
    if media_type == "text/plain":
        return _text(decode_text(data)[0])
    if kind not in KINDS:
        raise ItemError(
            "unsupported_modality",
            f"A {media_type} has no vector of its own over HTTP.",
            fix="Add it to a store (`client.stores.add`), which takes documents apart.",
        )
    encoded = b64encode(data).decode("ascii")
    if kind == "audio":
        return Part(modality=Modality.AUDIO, document=_audio_part(encoded, form))
    name = f"{kind}_url"
    return Part(modality=KINDS[kind], document={"type": name, name: {"url": f"data:{media_type};base64,{encoded}"}})


def _audio_part(encoded: str, form: str) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": encoded, "format": "mp3" if form == "mpeg" else form}}


def _picture(image: Any) -> Part:
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    out = BytesIO()
    try:
        kept = upright if upright.mode in {"L", "LA", "RGB", "RGBA", "P", "1"} else upright.convert("RGB")
        kept.save(out, "PNG", compress_level=QUICKLY)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ItemError("corrupt", f"The picture cannot be read: {error}.", fix="Export it again.") from error
    return _media(out.getvalue())


def _sound(audio: Audio) -> Part:
    import soundfile

    array = np.asarray(audio.array)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu" or not array.size:
        raise ItemError(
            "bad_value",
            f"Audio.array has {array.ndim} dimensions of {array.dtype}, {array.size} numbers.",
            fix="Give samples, or samples x channels, as floats in -1..1 or as integers.",
        )
    subtype = SUBTYPES.get(array.dtype.name)
    if subtype is None:
        array, subtype = _floats(array), "FLOAT"
    out = BytesIO()
    try:
        soundfile.write(out, array, audio.rate, format="WAV", subtype=subtype)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ItemError(
            "bad_value", f"This is no sound of {audio.rate} Hz: {error}.", fix="Check its rate and its channels."
        ) from error
    return _media(out.getvalue())


def _floats(array: Any) -> Any:
    """Integers of odd widths as floats in -1..1; unsigned ones are centred, as sound files hold them."""
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    half = (int(np.iinfo(array.dtype).max) + 1) / (2 if array.dtype.kind == "u" else 1)
    return ((array.astype(np.float64) - (half if array.dtype.kind == "u" else 0)) / half).astype(np.float32)


def _refuse(item: object) -> Part:
    array = type(item).__module__ == "numpy"
    raise ItemError(
        "bad_value",
        "A bare array may be sound, a picture or anything." if array else f"A {type(item).__name__} is not an item.",
        fix="Give text as str, a file as pathlib.Path, encoded media as bytes, or a PIL image or Audio value.",
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
