"""Where the words of a PDF's page are drawn: characters of its clean text become boxes on the page as it is seen."""

import ctypes
from collections.abc import Sequence
from typing import Any, Final

from commonspace.core.item import Region

__all__ = ["MOST_REGIONS", "blocks", "clean_text", "regions_of"]

MOST_REGIONS: Final = 8
"""A passage in more boxes than this gets its last ones joined into one."""
MOST_LINES: Final = 400
"""Runs of words looked at for one passage."""
FINE: Final = 1_000_000
"""PDFium answers in whole pixels: on a page of this many, that is a millionth."""
REPLACED: Final = {"\r\n": "\n", "\r": "\n", "\ufffe": "-\n", "\x00": ""}


def clean_text(raw: str) -> tuple[str, list[int]]:
    """PDFium's text of a page as text is kept here; and for each of its characters, which of PDFium's it is from."""
    kept: list[str] = []
    origins: list[int] = []
    at = 0
    while at < len(raw):
        length = 2 if raw.startswith("\r\n", at) else 1
        found = raw[at : at + length]
        clean = REPLACED.get(found, found)
        kept.append(clean)
        origins += [at] * len(clean)
        at += length
    return "".join(kept), origins


def regions_of(page: Any, textpage: Any, first: int, last: int) -> tuple[Region, ...]:
    """The boxes of PDFium's characters from ``first`` up to and with ``last``: one for each block of lines."""
    from pypdfium2 import raw

    begin, end = (raw.FPDFText_GetCharIndexFromTextIndex(textpage, index) for index in (first, last))
    if begin < 0 or end < begin:
        return ()
    count = min(textpage.count_rects(begin, end - begin + 1), MOST_LINES)
    lines = [_seen(page, textpage.get_rect(number)) for number in range(count)]
    return blocks([line for line in lines if line.right > line.left and line.bottom > line.top])


def blocks(lines: Sequence[Region]) -> tuple[Region, ...]:
    """Lines in reading order joined where one goes on below or beside the last; at most ``MOST_REGIONS`` boxes."""
    found: list[Region] = []
    height = 0.0
    for line in lines:
        height = max(height, line.bottom - line.top)
        if found and (_goes_on(found[-1], line, height) or len(found) == MOST_REGIONS):
            found[-1] = found[-1].joined(line)
        else:
            found.append(line)
            height = line.bottom - line.top
    return tuple(found)


def _goes_on(block: Region, line: Region, height: float) -> bool:
    """Whether a line belongs to the block before it: under it without a wide gap, or in one row with its last line."""
    shared = min(block.right, line.right) - max(block.left, line.left)
    under = -height < line.top - block.bottom <= 1.5 * height
    if under and shared >= 0.5 * min(block.right - block.left, line.right - line.left):
        return True
    in_row = min(block.bottom, line.bottom) - max(block.bottom - height, line.top) >= 0.5 * (line.bottom - line.top)
    return in_row and 0 <= line.left - block.right <= 2 * height


def _seen(page: Any, box: tuple[float, float, float, float]) -> Region:
    """A box in the page's own points, turned and cropped as the page is shown."""
    from pypdfium2 import raw

    x, y = ctypes.c_int(), ctypes.c_int()
    corners: list[float] = []
    for across, up in ((box[0], box[3]), (box[2], box[1])):
        raw.FPDF_PageToDevice(page, 0, 0, FINE, FINE, 0, across, up, x, y)
        corners += [x.value / FINE, y.value / FINE]
    return Region.within(*corners)
