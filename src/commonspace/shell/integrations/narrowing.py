"""What a store's own filter can take off a framework's: never too much, for the framework's rules decide in the end.

Frameworks differ about missing fields, lists and dates. What is translated here holds for every document that the
framework would take, and for as few others as can be; None stands for "any item".
"""

from collections.abc import Sequence
from typing import Any, Final

from commonspace.core.errors import UsageError
from commonspace.index.filters import METADATA, Among, And, Compare, Filter, Op, Or, check_filter

__all__ = ["all_of", "any_of", "checked", "compared"]

OPS: Final = {"=": Op.EQUAL, ">": Op.ABOVE, ">=": Op.AT_LEAST, "<": Op.BELOW, "<=": Op.AT_MOST}
CITED: Final = frozenset(
    {
        "confidence",
        "end_char",
        "end_seconds",
        "good",
        "heading",
        "id",
        "label",
        "media_type",
        "modality",
        "name",
        "page",
        "probability",
        "regions",
        "score",
        "start_char",
        "start_seconds",
        "uri",
    }
)
"""Fields of a file's citation: a framework sees them as metadata, the store does not."""
LARGEST: Final = 2**53
"""Beyond this whole numbers and floating-point ones differ between languages."""


def compared(key: str, operator: str, value: Any) -> Filter | None:
    """One comparison (``= > >= < <= in``) of a metadata field; in Python true and false are numbers too."""
    if key in CITED or not key:
        return None
    field = METADATA + key
    if operator == "in":
        return any_of([compared(key, "=", each) for each in value]) if isinstance(value, list | tuple | set) else None
    if operator not in OPS:
        return None
    if isinstance(value, str):
        return Compare(field=field, op=OPS[operator], value=value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
        return None
    number = Compare(field=field, op=OPS[operator], value=value)
    return Or(parts=(number, Among(field=field, values=(True, False))))


def all_of(parts: Sequence[Filter | None]) -> Filter | None:
    """All of these, as far as they are known."""
    known = tuple(part for part in parts if part is not None)
    return known[0] if len(known) == 1 else And(parts=known) if known else None


def any_of(parts: Sequence[Filter | None]) -> Filter | None:
    """One of these; anything where one of them may be anything."""
    known = tuple(part for part in parts if part is not None)
    if not known or len(known) < len(parts):
        return None
    return known[0] if len(known) == 1 else Or(parts=known)


def checked(narrowed: Filter | None) -> Filter | None:
    """The filter, unless it is larger than a store takes."""
    if narrowed is None:
        return None
    try:
        check_filter(narrowed)
    except UsageError:
        return None
    return narrowed
