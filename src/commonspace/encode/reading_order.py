"""Lines that lie on a page become blocks in the order in which they are read: column by column.

The rules for blocks are Breuel's (High Performance Document Layout Analysis, 2003): what is above comes first where the
two share a column, and a column comes before one to its right unless something across both lies between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.item import Region

__all__ = ["Line", "blocks_in_order"]

LEAST_SHARED: Final = 0.5
WIDEST_GAP: Final = 1.2
"""Between lines of one block, in heights of a line."""
WIDEST_SPACE: Final = 1.5
"""Between parts of one line, in heights of a line."""
LEAST_LIKENESS: Final = 0.6
"""Lines of a heading and of the text below it differ more in height."""
MOST_BLOCKS: Final = 200
"""More are read from top to bottom: it is no page of text."""

Bools = NDArray[np.bool_]
Boxes = NDArray[np.float64]
"""n x 4: left, top, right, bottom; in units in which across and down are the same length."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Words in a row, where they lie, how sure the reader is of them (0 to 1), and the height of its box to its width.

    ``aspect`` is that of the whole picture, height to width: regions are shares, and shares alone have no shape.
    """

    text: str
    region: Region
    confidence: float
    aspect: float = 1.0


def blocks_in_order(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines by block, blocks in reading order, lines within a block from top to bottom and left to right.

    Takes time and memory in the square of the number of lines.
    """
    if not lines:
        return []
    boxes = np.array([_box(line) for line in lines], dtype=np.float64)
    groups = _groups(_together(boxes))
    around = np.array([_around(boxes[group]) for group in groups])
    return [[lines[at] for at in _rows(groups[place], boxes)] for place in _order(around)]


def _box(line: Line) -> tuple[float, float, float, float]:
    region, tall = line.region, line.aspect
    return region.left, region.top * tall, region.right, region.bottom * tall


def _around(boxes: Boxes) -> Boxes:
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def _together(boxes: Boxes) -> Bools:
    """Which lines follow one another in a block: one below the other, or beside it in the same row."""
    left, top, right, bottom = (boxes[:, side] for side in range(4))
    width, height = right - left, bottom - top
    small, large = np.minimum.outer(height, height), np.maximum.outer(height, height)
    across = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    down = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
    alike = small >= LEAST_LIKENESS * large
    below = (across >= LEAST_SHARED * np.minimum.outer(width, width)) & (down >= -WIDEST_GAP * small)
    beside = (down >= LEAST_SHARED * small) & (across >= -WIDEST_SPACE * small)
    return np.asarray(alike & (below | beside))


def _groups(together: Bools) -> list[list[int]]:
    """The connected groups, by their first members."""
    waiting = set(range(len(together)))
    groups = []
    while waiting:
        edge = [min(waiting)]
        waiting.discard(edge[0])
        group = []
        while edge:
            at = edge.pop()
            group.append(at)
            found = [int(other) for other in np.flatnonzero(together[at]) if int(other) in waiting]
            waiting.difference_update(found)
            edge += found
        groups.append(sorted(group))
    return groups


def _rows(group: Sequence[int], boxes: Boxes) -> list[int]:
    """The lines of one block from top to bottom; what lies in one row, from left to right."""
    rows: list[list[int]] = []
    for at in sorted(group, key=lambda each: float(boxes[each, 1] + boxes[each, 3])):
        middle = (boxes[at, 1] + boxes[at, 3]) / 2
        if rows and middle < boxes[rows[-1][0], 3]:
            rows[-1].append(at)
        else:
            rows.append([at])
    return [at for row in rows for at in sorted(row, key=lambda each: float(boxes[each, 0]))]


def _order(boxes: Boxes) -> list[int]:
    """The blocks in reading order; where the rules go round in a circle, the topmost comes first."""
    by_top = [int(at) for at in np.lexsort((boxes[:, 0], boxes[:, 1]))]
    if len(boxes) > MOST_BLOCKS:
        return by_top
    before = _before(boxes)
    order: list[int] = []
    while by_top:
        free = [at for at in by_top if not before[by_top, at].any()]
        order.append((free or by_top)[0])
        by_top.remove(order[-1])
    return order


def _before(boxes: Boxes) -> Bools:
    """Which block has to be read before which."""
    left, top, right, _ = (boxes[:, side] for side in range(4))
    shared = np.minimum.outer(right, right) > np.maximum.outer(left, left)
    above = np.less.outer(top, top)
    to_the_left = ~shared & np.less.outer(left, left)
    between = np.zeros_like(shared)
    for other in range(len(boxes)):  # a heading across both columns parts what is above it from what is below
        spans = np.logical_and.outer(shared[other], shared[other])
        lies = np.logical_and.outer(top < top[other], top > top[other])
        between |= spans & (lies | lies.T)
    before = (shared & above) | (to_the_left & ~between) | (~shared & above & between)
    np.fill_diagonal(before, val=False)
    return np.asarray(before)
