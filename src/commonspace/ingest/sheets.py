"""What a reader is to look at: pictures and drawn pages, upright, of a bounded number of pixels, encoded anew."""

import importlib
import io
from math import sqrt
from typing import Any, Final, final

from PIL import Image

from commonspace.core.item import Sheet
from commonspace.ingest.heartbeat import beat
from commonspace.ingest.image import IMAGE_TYPES, decoding, upright
from commonspace.ingest.plan import Plan

__all__ = ["Sheets", "picture_sheet"]

LONGEST_SIDE: Final = 6000
QUALITY: Final = 92
INCH_POINTS: Final = 72
MOST_DOTS_AN_INCH: Final = 300
"""Pages are drawn no finer than this: small ones gain nothing from more."""


def picture_sheet(data: bytes, media_type: str, plan: Plan) -> Sheet:
    """An encoded picture as a sheet; its size has passed the limits already.

    Raises:
        ItemError: corrupt.
    """
    name, plugin = IMAGE_TYPES[media_type]
    importlib.import_module(f"PIL.{plugin}")
    with decoding(name), Image.open(io.BytesIO(data), formats=(name,)) as image:
        size = _size(image.width, image.height, plan.sheet_pixels)
        if name == "JPEG":
            image.draft(None, size)
        image.load()
        whole = upright(image)
        size = _size(whole.width, whole.height, plan.sheet_pixels)
        return Sheet(data=_encoded(whole if whole.size == size else whole.resize(size, reducing_gap=2.0)))


@final
class Sheets:
    """The pages of one document that have to be read off their picture; not too many, not too many bytes."""

    def __init__(self, plan: Plan) -> None:
        self.kept: list[Sheet] = []
        self.num_left_out = 0
        self._plan = plan
        self._num_bytes = 0

    def draw(self, page: Any, number: int) -> None:
        """Keep one of PDFium's pages as it is drawn; a page of no size is left out.

        Raises:
            RuntimeError: PDFium cannot draw it.
        """
        across, down = page.get_width(), page.get_height()
        if min(across, down) < 1 or self._num_bytes >= self._plan.limits.memory_bytes:
            self.num_left_out += 1
            return
        most = MOST_DOTS_AN_INCH / INCH_POINTS
        width, height = _size(round(across * most) or 1, round(down * most) or 1, self._plan.sheet_pixels)
        bitmap = page.render(scale=min(width / across, height / down), rev_byteorder=True)
        beat()
        data = _encoded(bitmap.to_pil())
        self.kept.append(Sheet(data=data, page=number))
        self._num_bytes += len(data)


def _size(width: int, height: int, most_pixels: int) -> tuple[int, int]:
    """Width and height scaled down to so many pixels, and to a longest side."""
    scale = min(1.0, sqrt(most_pixels / (width * height)), LONGEST_SIDE / max(width, height))
    return max(1, int(width * scale)), max(1, int(height * scale))


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()
