"""Where long items are cut: text at paragraph and sentence ends, sound into windows."""

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["passages", "sentences", "windows"]

PARAGRAPH: Final = re.compile(r"(?=\n[ \t]*\n)")
SENTENCE: Final = re.compile(r"[.!?][\"')\]\u201d\u2019]*(?=\s)(?!\s+[a-z])|[\u3002\uff01\uff1f][\u201d\u2019\u300d]*")
WORD: Final = re.compile(r"(?=\s)")
SPACE: Final = re.compile(r"\s+")


def passages(text: str, length: int) -> Iterator[tuple[int, int]]:
    """Character spans of at most ``length``, in order, together holding every word of ``text``.

    A span ends at the last paragraph end in its second half, else at the last sentence end, else at the last
    space, else where it must; it neither starts nor ends with white space.
    """
    start = _skip_space(text, 0)
    while start < len(text):
        limit = start + length
        end = len(text) if limit >= len(text) else _cut(text, start, limit)
        trimmed = start + len(text[start:end].rstrip())
        yield start, trimmed
        start = _skip_space(text, end)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Character spans of the sentences, in order, together holding every word of ``text``.

    A sentence ends at its mark or at a paragraph's end; a mark that a small letter follows ("e.g. this") ends none.
    """
    ends = sorted({found.end() for pattern in (PARAGRAPH, SENTENCE) for found in pattern.finditer(text)} | {len(text)})
    start = _skip_space(text, 0)
    for end in ends:
        trimmed = start + len(text[start:end].rstrip())
        if trimmed > start:
            yield start, trimmed
            start = _skip_space(text, end)


def _skip_space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _cut(text: str, start: int, limit: int) -> int:
    """The best place to end a span that may not pass ``limit``."""
    middle = start + (limit - start) // 2
    for pattern in (PARAGRAPH, SENTENCE, WORD):
        # Looking one character past the limit finds a break that begins exactly there.
        ends = [found.end() for found in pattern.finditer(text, middle, min(limit + 2, len(text)))]
        usable = [end for end in ends if start < end <= limit]
        if usable:
            return usable[-1]
    return limit


def windows(num_samples: int, window_samples: int) -> Iterator[tuple[int, int]]:
    """Sample spans of at most ``window_samples``, as equal as can be, covering everything in order.

    Equal windows leave no short tail: 21 seconds cut at 10 become three of seven.
    """
    count = max(1, -(-num_samples // window_samples))
    for index in range(count):
        yield num_samples * index // count, num_samples * (index + 1) // count
