"""Whether a page draws its columns line by line, so that its text runs across them: from where its words lie."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

__all__ = ["Box", "columns_mixed"]

Box = tuple[float, float, float, float]
"""Left, bottom, right and top of a run of words, in points, in the order in which the page draws them."""

LEAST_WIDTH: Final = 0.2
"""Cells of a table are narrower, as a share of the page."""
LEAST_GAP: Final = 0.02
LEAST_LINES: Final = 4


def columns_mixed(boxes: Sequence[Box], page_width: float) -> bool:
    """Whether several lines go on to the right of a gap, in a second run that is as long as a line of a column."""
    across = sum(_goes_across(first, second, page_width) for first, second in pairwise(boxes))
    return across >= LEAST_LINES and 2 * across >= 0.5 * len(boxes)


def _goes_across(first: Box, second: Box, page_width: float) -> bool:
    """Whether two runs are one line of two columns."""
    same_line = min(first[3], second[3]) > max(first[1], second[1])
    wide = min(first[2] - first[0], second[2] - second[0]) >= LEAST_WIDTH * page_width
    return same_line and wide and second[0] - first[2] >= LEAST_GAP * page_width
