"""A picture becomes upright RGB pixels of about the size that the encoder wants."""

import importlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from commonspace.core.errors import ItemError
from commonspace.core.item import Metadata, Piece, Pixels
from commonspace.core.modality import Modality
from commonspace.ingest.limits import MEGABYTE, Limits
from commonspace.ingest.plan import Plan

__all__ = ["IMAGE_TYPES", "check_shape", "decode_image", "decode_picture", "decoding", "upright"]

IMAGE_TYPES: Final[dict[str, tuple[str, str]]] = {
    "image/png": ("PNG", "PngImagePlugin"),
    "image/jpeg": ("JPEG", "JpegImagePlugin"),
    "image/gif": ("GIF", "GifImagePlugin"),
    "image/webp": ("WEBP", "WebPImagePlugin"),
    "image/bmp": ("BMP", "BmpImagePlugin"),
    "image/tiff": ("TIFF", "TiffImagePlugin"),
    "image/avif": ("AVIF", "AvifImagePlugin"),
}
"""Every picture type that is decoded, with Pillow's name for it and the one plugin it may use."""

ORIENTATION_TAG: Final = 0x0112
TURNS: Final[dict[int, tuple[Image.Transpose, str]]] = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, "mirrored"),
    3: (Image.Transpose.ROTATE_180, "turned by 180 degrees"),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, "mirrored"),
    5: (Image.Transpose.TRANSPOSE, "mirrored and turned"),
    6: (Image.Transpose.ROTATE_270, "turned by 90 degrees"),
    7: (Image.Transpose.TRANSVERSE, "mirrored and turned"),
    8: (Image.Transpose.ROTATE_90, "turned by 90 degrees"),
}
SIDEWAYS: Final = frozenset(TURNS[orientation][0] for orientation in (5, 6, 7, 8))
ALPHA_MODES: Final = frozenset({"RGBA", "LA", "La", "RGBa"})
AVERAGED_MODES: Final = frozenset({"RGB", "L", "CMYK", "YCbCr"})
WIDE_MODES: Final = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
BYTE_MAX: Final = 255
WORD_MAX: Final = 65_535

Pictured = tuple[Pixels, Metadata, tuple[str, ...]]


def decode_image(data: bytes, media_type: str, plan: Plan) -> tuple[Piece, Metadata, tuple[str, ...]]:
    """The one piece of an encoded picture, with its true size and what was done to it.

    Raises:
        ItemError: corrupt, too large, too small, too thin.
    """
    name, plugin = IMAGE_TYPES[media_type]
    importlib.import_module(f"PIL.{plugin}")
    with decoding(name), Image.open(io.BytesIO(data), formats=(name,)) as image:
        pixels, metadata, notes = _read_pixels(image, plan)
    return Piece(modality=Modality.IMAGE, content=pixels), {**metadata, "format": name}, notes


def decode_picture(item: object, plan: Plan) -> tuple[Piece, Metadata, tuple[str, ...], bytes]:
    """The one piece of a Pillow image that a program hands over, and the bytes that identify it.

    Raises:
        ItemError: too large, too small, too thin, or its file turns out to be corrupt.
    """
    if not isinstance(item, Image.Image):
        raise ItemError("bad_value", "This is no picture.", fix="Give a PIL.Image.Image.")
    with decoding(item.format or "raw"):
        check_shape(item.width, item.height, plan.limits)
        data = f"{item.mode} {item.size} ".encode() + item.tobytes()
        pixels, metadata, notes = _read_pixels(item.copy(), plan)
    return Piece(modality=Modality.IMAGE, content=pixels), metadata, notes, data


def _read_pixels(image: Image.Image, plan: Plan) -> Pictured:
    """Upright RGB pixels of an opened picture, scaled down to the plan's side, and its metadata.

    Nothing is decoded before the header's size has passed the limits.
    """
    check_shape(image.width, image.height, plan.limits)
    width, height = image.size
    depth = 1 if image.mode == "1" else 16 if image.mode in WIDE_MODES else 8
    notes: list[str] = []
    if getattr(image, "is_animated", False) and image.format != "MPO":
        notes.append("first frame only")
    if image.format == "JPEG":
        image.draft(None, (plan.image_side, plan.image_side))
    image.load()
    turn = TURNS.get(_orientation(image))
    small = _shrunk(_opaque(_sampled(image)), plan.image_side)
    small = small if small.mode == "RGB" else small.convert("RGB")
    if turn is not None:
        small = small.transpose(turn[0])
        notes.append(turn[1])
        if turn[0] in SIDEWAYS:
            width, height = height, width
    metadata: Metadata = {"width": width, "height": height, "bit_depth": depth}
    return np.asarray(small), metadata, tuple(notes)


def upright(image: Image.Image) -> Image.Image:
    """An opened picture as it is meant to be seen: opaque RGB, turned as its EXIF data says."""
    turn = TURNS.get(_orientation(image))
    whole = _opaque(_sampled(image)).convert("RGB")
    return whole if turn is None else whole.transpose(turn[0])


def check_shape(width: int, height: int, limits: Limits) -> None:
    """Refuse pictures of too few or too many pixels, and slivers.

    Raises:
        ItemError: with the size and the limit it breaks.
    """
    size = f"The picture has {width} x {height} pixels"
    if min(width, height) < limits.image_shortest_side:
        smallest = limits.image_shortest_side
        raise ItemError(
            "too_small", f"{size}; at least {smallest} x {smallest} are needed.", fix="Use a larger picture."
        )
    if width * height > limits.image_pixels or max(width, height) > limits.image_longest_side:
        most = f"{limits.image_pixels / MEGABYTE:.0f} million and a side of {limits.image_longest_side}"
        raise ItemError("too_many_pixels", f"{size}; the limit is {most}.", fix="Scale it down, or raise the limit.")
    if max(width, height) > limits.image_ratio * min(width, height):
        raise ItemError(
            "too_thin",
            f"{size}; one side may be at most {limits.image_ratio} times the other.",
            fix="Crop it or cut it into parts.",
        )


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or the EXIF data is damaged."""
    try:
        return int(image.getexif().get(ORIENTATION_TAG, 1))
    except (OSError, SyntaxError, TypeError, ValueError, KeyError, OverflowError):
        return 1


def _sampled(image: Image.Image) -> Image.Image:
    """The picture in a mode that can be averaged: palettes and bits resolved, wide samples brought to bytes."""
    if image.mode in WIDE_MODES:
        return Image.fromarray(_to_bytes(np.asarray(image)))
    if image.mode in ("P", "PA", "1") or "transparency" in image.info:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image if image.mode in AVERAGED_MODES | ALPHA_MODES else image.convert("RGB")


def _to_bytes(samples: NDArray[Any]) -> Pixels:
    """Samples of 16 or 32 bits, or floats, as bytes."""
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all():
            raise ItemError("not_finite", "The picture holds values that are not numbers.", fix="Export it again.")
        low, high = float(samples.min()), float(samples.max())
        return np.asarray((samples - low) * (BYTE_MAX / max(high - low, 1e-9)), dtype=np.uint8)
    top = int(samples.max())
    if top > WORD_MAX:
        return np.asarray(samples.clip(0) >> max(top.bit_length() - 8, 0), dtype=np.uint8)
    return np.asarray(samples.clip(0) >> 8 if top > BYTE_MAX else samples.clip(0), dtype=np.uint8)


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    """Scaled so that the shorter side is ``side``; smaller pictures are left as they are.

    Averaging by a whole factor first makes this three times as fast as one bicubic step, and no less smooth.
    """
    shorter = min(image.size)
    if shorter <= side:
        return image
    size = (max(1, round(image.width * side / shorter)), max(1, round(image.height * side / shorter)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.0)


def _opaque(image: Image.Image) -> Image.Image:
    """The picture without transparency: what was transparent shows white."""
    if image.mode not in ALPHA_MODES:
        return image
    layer = image if image.mode == "RGBA" else image.convert("RGBA")
    paper = Image.new("RGB", layer.size, (BYTE_MAX, BYTE_MAX, BYTE_MAX))
    paper.paste(layer, mask=layer)
    return paper


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises into our words; its own hold addresses and paths."""
    try:
        yield
    except ItemError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        cause = "The picture's header claims more pixels than any limit here allows."
        raise ItemError("too_many_pixels", cause, fix="Scale it down.") from None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # damaged files make Pillow raise nearly anything
        early = "truncated" in str(error)
        cause = f"Its {name} data ends early." if early else f"It begins like a {name} picture but does not decode."
        raise ItemError("corrupt", cause, fix="Copy it again from its source, or save it anew.") from None
