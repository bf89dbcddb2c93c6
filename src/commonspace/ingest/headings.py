"""A text falls into sections under headings; Markdown says where by its marks."""

import re
from dataclasses import dataclass
from typing import Final, final

__all__ = ["Section", "markdown_sections"]

HEADING: Final = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t#]*$")
UNDERLINE: Final = re.compile(r"^(?:=+|-{2,})[ \t]*$")
FENCE: Final = re.compile(r"^[ ]{0,3}(```|~~~)")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of a text under one heading; ``start`` and ``end`` are characters of that text."""

    heading: str | None
    start: int
    end: int


def markdown_sections(text: str) -> tuple[Section, ...]:
    """The sections of a Markdown text, cut at its headings; the text itself is kept as it is."""
    starts: list[tuple[int, str | None]] = [(0, None)]
    fenced = False
    position = 0
    previous = (0, "")
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        if FENCE.match(bare):
            fenced = not fenced
        heading = None if fenced else HEADING.match(bare)
        if heading is not None:
            starts.append((position, heading[2].strip()))
        elif not fenced and UNDERLINE.match(bare) and previous[1].strip() and starts[-1][0] != previous[0]:
            starts.append((previous[0], previous[1].strip()))
        previous = (position, bare)
        position += len(line)
    ends = [start for start, _ in starts[1:]] + [len(text)]
    sections = (Section(heading=name, start=at, end=end) for (at, name), end in zip(starts, ends, strict=True))
    return tuple(section for section in sections if text[section.start : section.end].strip())
