"""From a picture's bytes to a small RGB picture on white, or to a reason why it is not wanted.

SVG is drawn by resvg (package ``resvg-py``); everything else is read by Pillow.
"""

import io
import warnings
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import final

import numpy as np
import resvg_py
from PIL import Image

__all__ = ["LONGEST_SIDE_PIXELS", "NotWanted", "Raster", "draw", "encode_jpeg"]

LONGEST_SIDE_PIXELS = 320
DRAWN_SIDE_PIXELS = 224
"""Drawings are drawn at the size that image models see, photographs kept larger to be cropped."""
SHORTEST_SIDE_PIXELS = 24
MOST_SOURCE_PIXELS = 64_000_000
LEAST_DEVIATION = 4.0
"""Standard deviation of grey levels below which a picture counts as one colour."""
_JPEG_QUALITY = 92


@final
class NotWanted(Exception):
    """The picture is broken, tiny or of one colour; the message says which."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Raster:
    """An RGB picture whose longest side is 320 pixels at most."""

    image: Image.Image


def draw(data: bytes) -> Raster:
    """Decode or draw ``data`` on white.

    Raises:
        NotWanted: it cannot be read, is under 24 pixels on a side, or shows one colour.
    """
    try:
        image = _draw_svg(data) if _is_svg(data) else _read(data)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, ET.ParseError) as error:
        raise NotWanted(f"unreadable: {error}") from error
    if min(image.size) < SHORTEST_SIDE_PIXELS:
        raise NotWanted("tiny")
    image.thumbnail((LONGEST_SIDE_PIXELS, LONGEST_SIDE_PIXELS), Image.Resampling.LANCZOS)
    if np.asarray(image.convert("L"), dtype=np.float32).std() < LEAST_DEVIATION:
        raise NotWanted("one colour")
    return Raster(image=image)


def encode_jpeg(raster: Raster) -> bytes:
    """The picture as JPEG of quality 92."""
    stream = io.BytesIO()
    raster.image.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()


def _is_svg(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:5] in {b"<?xml", b"<svg ", b"<!DOC", b"<!-- "} or b"<svg" in data[:2000]


def _draw_svg(data: bytes) -> Image.Image:
    root = ET.fromstring(data)  # noqa: S314 - the packages are pinned by hash; Python's expat bounds entity expansion
    width, height = _svg_size(root)
    png = resvg_py.svg_to_bytes(
        svg_string=data.decode("utf-8", "replace"),
        background="#ffffff",
        skip_system_fonts=True,
        width=DRAWN_SIDE_PIXELS if width >= height else None,
        height=DRAWN_SIDE_PIXELS if width < height else None,
    )
    with Image.open(io.BytesIO(bytes(png))) as image:
        return image.convert("RGB")


def _svg_size(root: ET.Element) -> tuple[float, float]:
    box = root.get("viewBox", "").replace(",", " ").split()
    if len(box) == 4:
        return float(box[2]), float(box[3])
    sides = ["".join(c for c in root.get(name, "1") if c in "0123456789.") or "1" for name in ("width", "height")]
    return float(sides[0]), float(sides[1])


def _read(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_SOURCE_PIXELS:
                raise ValueError("too many pixels")
            image.draft("RGB", (2 * LONGEST_SIDE_PIXELS, 2 * LONGEST_SIDE_PIXELS))
            shown = image.convert("RGBA")
    paper = Image.new("RGBA", shown.size, "white")
    return Image.alpha_composite(paper, shown).convert("RGB")
