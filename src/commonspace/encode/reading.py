"""Words in pictures as text with their place: what a reader gives, whoever it is, and how its lines become passages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, final

from commonspace.core.item import Pixels, Region
from commonspace.encode.reading_order import Line, blocks_in_order

__all__ = ["Line", "Reader", "Written", "written"]

MOST_REGIONS: Final = 8
"""A passage ends before it would be in more blocks than this."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A passage that was read off a picture: a box for each block of its lines, and how sure the reader was, 0 to 1."""

    text: str
    regions: tuple[Region, ...]
    confidence: float


class Reader(Protocol):
    """A picture in, lines of words out."""

    def read(self, pixels: Pixels) -> tuple[Line, ...]:
        """The lines in an upright picture, in any order; none where there are no words.

        Raises:
            ItemError: this picture cannot be read.
        """
        ...


def written(lines: Sequence[Line], most_chars: int) -> tuple[Written, ...]:
    """Lines as passages of at most about ``most_chars``, in reading order, column by column.

    A passage ends with a block of lines rather than within one, unless the block alone is too long.
    """
    passages: list[Written] = []
    held: list[list[Line]] = []
    for block in blocks_in_order(lines):
        for part in _cut(block, most_chars):
            full = _num_chars([*held, part]) > most_chars or len(held) == MOST_REGIONS
            if held and full:
                passages.append(_passage(held))
                held = []
            held.append(part)
    return tuple([*passages, _passage(held)] if held else passages)


def _cut(block: Sequence[Line], most_chars: int) -> Iterator[list[Line]]:
    """A block as parts that are short enough; a line is never cut."""
    part: list[Line] = []
    for line in block:
        if part and _num_chars([part]) + len(line.text) > most_chars:
            yield part
            part = []
        part.append(line)
    if part:
        yield part


def _num_chars(parts: Sequence[Sequence[Line]]) -> int:
    return sum(len(line.text) + 1 for part in parts for line in part)


def _passage(parts: Sequence[Sequence[Line]]) -> Written:
    lines = [line for part in parts for line in part]
    weight = sum(len(line.text) for line in lines)
    sure = sum(line.confidence * len(line.text) for line in lines) / weight
    return Written(
        text="\n\n".join("\n".join(line.text for line in part) for part in parts),
        regions=tuple(_around(part) for part in parts),
        confidence=round(sure, 3),
    )


def _around(lines: Sequence[Line]) -> Region:
    box = lines[0].region
    for line in lines[1:]:
        box = box.joined(line.region)
    return box
