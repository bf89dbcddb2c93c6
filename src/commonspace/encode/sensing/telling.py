"""A row of a table told in words: the same words in whatever order its columns stand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from commonspace.core.item import Row, Scalar
from commonspace.ingest.segments import passages

__all__ = ["Part", "parts_of", "told"]

PART_CHARS: Final = 600
"""What is longer is told in several parts of about this length, so that the text tower reads all of it."""
WORDS: Final = ((0.1, "very low"), (0.3, "low"), (0.7, ""), (0.9, "high"), (1.0, "very high"))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Words of a row for the text tower: of its numbers, or of everything else."""

    text: str
    numbers: bool


def told(row: Row) -> list[str]:
    """One phrase a cell that is there, in the order of the columns' names: ``body mass: 5400 (very high)``."""
    return [_phrase(row, place) for place in _held(row)]


def parts_of(row: Row) -> list[Part]:
    """What the text tower reads: words apart from numbers, so that many numbers do not drown a few words.

    Of numbers whose column is known those are told that stand out in it (``very high body mass``), and the others
    only if nothing else is there to tell. One empty part where the row holds nothing.
    """
    places = _held(row)
    numbers = [place for place in places if row.types[place] == "number"]
    others = [_phrase(row, place) for place in places if row.types[place] != "number"]
    standing_out = [phrase for place in numbers if (phrase := _standing_out(row, place))]
    if not standing_out and not others:
        standing_out = [_phrase(row, place) for place in numbers]
    parts = [Part(text=text, numbers=False) for text in _joined(others)]
    parts += [Part(text=text, numbers=True) for text in _joined(standing_out)]
    return parts or [Part(text="", numbers=False)]


def _held(row: Row) -> list[int]:
    """The places of the cells that are there, by their columns' names."""
    order = sorted(range(len(row.columns)), key=lambda place: row.columns[place])
    return [place for place in order if row.cells[place] is not None]


def _joined(phrases: Sequence[str]) -> Iterator[str]:
    """Phrases put together, up to about ``PART_CHARS``."""
    part = ""
    for said in (phrase[start:end] for phrase in phrases for start, end in passages(phrase, PART_CHARS)):
        if part and len(part) + len(said) > PART_CHARS:
            yield part
            part = ""
        part += ("; " if part else "") + said
    if part:
        yield part


def _phrase(row: Row, place: int) -> str:
    word = _word(row.shares[place])
    return f"{_name(row, place)}: {_value(row.cells[place])}" + (f" ({word})" if word else "")


def _standing_out(row: Row, place: int) -> str:
    """A number in words; the number itself where its column is not known, nothing where it is a middling one."""
    if row.shares[place] is None:
        return _phrase(row, place)
    word = _word(row.shares[place])
    return f"{word} {_name(row, place)}" if word else ""


def _name(row: Row, place: int) -> str:
    return row.columns[place].replace("_", " ").strip()


def _word(share: float | None) -> str:
    return "" if share is None else next(word for most, word in WORDS if share <= most)


def _value(cell: Scalar | None) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.6g}" if isinstance(cell, int | float) else str(cell)
