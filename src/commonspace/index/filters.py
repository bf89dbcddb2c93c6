"""Filters: what must be true of an item for it to be found; values only, compiled elsewhere to SQL and to masks.

A comparison holds only where the field is there and its value has the type of what it is compared with: text,
number, boolean or time. So a missing field matches no comparison, and ``Not`` of one matches it. Nothing is
coerced: the text "5" is no number. Numbers are compared as numbers (1 equals 1.0), texts by code point. A time is
compared with texts that are ISO 8601 dates or times; without an offset they are UTC.
"""

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, final

from commonspace.core.errors import UsageError

__all__ = [
    "BUILT_IN",
    "DEEPEST",
    "METADATA",
    "MOST_CONDITIONS",
    "MOST_VALUES",
    "MOST_WORDS",
    "TEXT_FIELD",
    "Among",
    "And",
    "Compare",
    "Filter",
    "Kind",
    "Near",
    "Not",
    "Op",
    "Or",
    "Present",
    "Starts",
    "Value",
    "Words",
    "check_filter",
    "kind_of",
]

Value = str | int | float | bool | datetime

DEEPEST: Final = 32
MOST_CONDITIONS: Final = 256
MOST_VALUES: Final = 10_000
MOST_WORDS: Final = 64
LONGEST_NAME: Final = 500
LARGEST: Final = sys.float_info.max
LONGEST_TEXT: Final = 10_000
METADATA: Final = "metadata."
"""A field that begins so is a metadata key, whatever its name."""
TEXT_FIELD: Final = "text"


@final
class Kind(StrEnum):
    """The types that values have in filters."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"


BUILT_IN: Final[Mapping[str, Kind]] = {
    "id": Kind.TEXT,
    "uri": Kind.TEXT,
    "name": Kind.TEXT,
    "modality": Kind.TEXT,
    "media_type": Kind.TEXT,
    "content_hash": Kind.TEXT,
    "num_bytes": Kind.NUMBER,
    "modified": Kind.TIME,
    "parent": Kind.TEXT,
}
"""Fields that every store knows; all others are metadata keys."""


@final
class Op(StrEnum):
    """How a field is compared with a value."""

    EQUAL = "="
    UNEQUAL = "!="
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """The field's value stands in this relation to ``value``; booleans are only equal or unequal."""

    field: str
    op: Op
    value: Value


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """The field's value is one of these; or, ``negated``, has the type of one of these and equals none."""

    field: str
    values: tuple[Value, ...]
    negated: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """The field's text begins with ``prefix``."""

    field: str
    prefix: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """All these words are in one passage of the item or in its name (``text``), or in its name alone (``name``).

    Words are found as keyword search finds them: case, accents and English endings do not matter.
    """

    field: str
    words: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """The point in two number fields, in degrees, lies less than ``metres`` from a point, on a sphere."""

    latitude_field: str
    longitude_field: str
    latitude: float
    longitude: float
    metres: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The field is there, of whatever type."""

    field: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """``part`` does not hold."""

    part: "Filter"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class And:
    """All parts hold; there is at least one."""

    parts: tuple["Filter", ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Or:
    """At least one part holds; there is at least one part."""

    parts: tuple["Filter", ...]


Filter = Compare | Among | Starts | Words | Near | Present | Not | And | Or


def kind_of(value: Value) -> Kind:
    """The type that a value has in filters."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, str):
        return Kind.TEXT
    return Kind.TIME if isinstance(value, datetime) else Kind.NUMBER


def check_filter(where: Filter | None) -> None:
    """Check that a filter makes sense and is of a size that may be answered; None is fine.

    Raises:
        UsageError: it is too deep or too long, or a part of it can never be meant so.
    """
    count = 0
    pending: list[tuple[Filter, int]] = [] if where is None else [(where, 1)]
    while pending:
        part, depth = pending.pop()
        count += 1
        if depth > DEEPEST or count > MOST_CONDITIONS:
            raise UsageError(
                f"The filter is too large: {MOST_CONDITIONS} conditions and {DEEPEST} levels are allowed.",
                fix="Use `in (...)` instead of many comparisons joined by `or`.",
            )
        if isinstance(part, And | Or) and part.parts:
            pending += [(inner, depth + 1) for inner in part.parts]
        elif isinstance(part, Not):
            pending.append((part.part, depth + 1))
        else:
            for fault in _faults(part):
                raise UsageError(f"The filter makes no sense: {fault}.", fix="docs/filters.md shows every form.")


def _faults(part: object) -> Iterator[str]:
    if isinstance(part, Compare):
        yield from _field_faults(part.field, part.value)
        if isinstance(part.value, bool) and part.op not in (Op.EQUAL, Op.UNEQUAL):
            yield f"booleans have no order ({part.field} {part.op} {str(part.value).lower()})"
    elif isinstance(part, Among):
        if len(part.values) > MOST_VALUES:
            yield f"{len(part.values)} values in one set; {MOST_VALUES} are allowed"
        for value in part.values:
            yield from _field_faults(part.field, value)
    elif isinstance(part, Starts):
        yield from _field_faults(part.field, part.prefix)
    elif isinstance(part, Present):
        yield from _name_faults(part.field)
    elif isinstance(part, Words):
        yield from _words_faults(part)
    elif isinstance(part, Near):
        yield from _near_faults(part)
    else:
        yield f"{part!r} is no filter"


def _field_faults(field: str, value: object) -> Iterator[str]:
    yield from _name_faults(field)
    if not isinstance(value, str | int | float | datetime):
        yield f"{field} is compared with {value!r}, which is no text, number, boolean or time"
        return
    kind = BUILT_IN.get(field)
    if kind is not None and kind_of(value) is not kind:
        yield f"{field} is a {kind}, compared with a {kind_of(value)} ({value!r})"
    if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:
        yield f"{field} is compared with a number beyond all bounds"
    if isinstance(value, str) and (len(value) > LONGEST_TEXT or _odd(value)):
        yield f"{field} is compared with a text that is longer than {LONGEST_TEXT} or is no valid text"


def _name_faults(field: object) -> Iterator[str]:
    if not isinstance(field, str) or not 0 < len(field) <= LONGEST_NAME or _odd(field):
        yield f"{str(field)[:40]!r} is no field's name"
    elif field == TEXT_FIELD:
        yield 'the field text is searched by words, as in text ~ "rain"; a metadata key of that name is metadata.text'


def _words_faults(part: Words) -> Iterator[str]:
    if part.field not in (TEXT_FIELD, "name"):
        yield f"words are looked for in text or name, not in {part.field}; use =, in or starts there"
    if _odd(part.words) or not 0 < len(part.words.split()) <= MOST_WORDS or not any(map(str.isalnum, part.words)):
        yield f"one to {MOST_WORDS} words are looked for at once"


def _near_faults(part: Near) -> Iterator[str]:
    for field in (part.latitude_field, part.longitude_field):
        yield from _name_faults(field)
        if BUILT_IN.get(field, Kind.NUMBER) is not Kind.NUMBER:
            yield f"{field} is no number"
    if not (abs(part.latitude) <= 90.0 and abs(part.longitude) <= 180.0):  # degrees on a globe
        yield f"{part.latitude}, {part.longitude} is no latitude and longitude in degrees"
    if not (math.isfinite(part.metres) and part.metres >= 0):
        yield f"{part.metres} metres is no distance"


def _odd(text: str) -> bool:
    """Whether a text is none that SQLite and UTF-8 can hold."""
    return "\0" in text or any("\ud800" <= each <= "\udfff" for each in text)
