"""Filters as text, the same on the command line, in Python and over HTTP; read with a grammar, never evaluated.

price < 50 and colour in ("red", "white") and not brand = "Acme"
taken >= 2024-05-01 and near(lat, lon, 52.52, 13.40) < 5 km and text ~ "rain"
has `page count` and (uri starts "file:///photos/" or num_bytes <= 1e6)
"""

import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, assert_never, cast

from commonspace.core.errors import UsageError
from commonspace.index.filters import (
    Among,
    And,
    Compare,
    Filter,
    Near,
    Not,
    Or,
    Present,
    Starts,
    Value,
    Words,
    check_filter,
)

if TYPE_CHECKING:
    from lark import Lark

__all__ = ["LONGEST_FILTER", "filter_of", "parse_filter", "text_of"]

LONGEST_FILTER: Final = 20_000

_GRAMMAR: Final = r"""
start: either
?either: both (_OR both)* -> either
?both: part (_AND part)* -> both
?part: _NOT part -> negated
    | "(" either ")"
    | field OP value -> compare
    | field _IN values -> among
    | field _NOT _IN values -> not_among
    | field "~" STRING -> words
    | field _STARTS STRING -> starts
    | _HAS field -> present
    | _NEAR "(" field "," field "," NUMBER "," NUMBER ")" "<" NUMBER UNIT -> near
values: "(" (value ("," value)* ","?)? ")"
value: STRING -> string | NUMBER -> number | TIME -> time | TRUE -> true | FALSE -> false
field: NAME -> name | QUOTED -> quoted
OP: "=" | "!=" | "<=" | ">=" | "<" | ">"
_OR.3: /or(?![\w.])/i
_AND.3: /and(?![\w.])/i
_NOT.3: /not(?![\w.])/i
_IN.3: /in(?![\w.])/i
_STARTS.3: /starts(?![\w.])/i
_HAS.3: /has(?=\s+[\w`])/i
_NEAR.3: /near(?=\s*\()/i
TRUE.3: /true(?![\w.])/i
FALSE.3: /false(?![\w.])/i
UNIT.3: /(km|m)(?![\w.])/
TIME.2: /\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d([.]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?(?![\w:])/
NUMBER: /[+-]?(\d+([.]\d*)?|[.]\d+)([eE][+-]?\d+)?(?!\w|[.]\d)/
NAME: /[^\W\d]\w*([.]\w+)*/
QUOTED: /`([^`]|``)+`/
STRING: /"([^"\\]|\\.)*"/s | /'([^'\\]|\\.)*'/s
%ignore /\s+/
"""

_SHAPES: Final = (
    'Forms: price < 50, colour in ("red", "white"), brand = "Acme", taken >= 2024-05-01, text ~ "rain", '
    'uri starts "file:", has stars, near(lat, lon, 52.5, 13.4) < 5 km; join them with and, or, not, ( ).'
)
_NAMES: Final = {
    "OP": "= != < <= > >=",
    "_IN": "in (...)",
    "TILDE": '~ "words"',
    "_STARTS": 'starts "..."',
    "_AND": "and",
    "_OR": "or",
    "_NOT": "not",
    "_HAS": "has",
    "_NEAR": "near(...)",
    "STRING": '"a text"',
    "NUMBER": "a number",
    "TIME": "a time such as 2024-05-01T12:00:00Z",
    "TRUE": "true",
    "FALSE": "false",
    "NAME": "a field",
    "QUOTED": "a field in `backticks`",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "LESSTHAN": "<",
    "UNIT": "m or km",
    "$END": "the end",
}
_WORD = re.compile(r"[^\W\d]\w*([.]\w+)*")
_KEYWORDS: Final = frozenset({"and", "or", "not", "in", "has", "near", "starts", "true", "false"})


def filter_of(where: Filter | str | None) -> Filter | None:
    """A filter given in either form, checked; None, or a text without anything in it, is no filter.

    Raises:
        UsageError: the text is no filter, or the filter makes no sense.
    """
    if isinstance(where, str):
        return parse_filter(where) if where.strip() else None
    check_filter(where)
    return where


def parse_filter(text: str) -> Filter:
    """The filter that a text describes.

    Raises:
        UsageError: it describes none; the error says where it stops making sense and what may stand there.
    """
    from lark.exceptions import UnexpectedInput

    if len(text) > LONGEST_FILTER:
        raise UsageError(
            f"The filter has {len(text)} characters; {LONGEST_FILTER} are allowed.",
            fix="Narrow it in several searches.",
        )
    try:
        where: Any = _parser().parse(text)
    except UnexpectedInput as error:
        raise _unread(text, error) from None
    check_filter(where)
    return cast("Filter", where)


def text_of(where: Filter) -> str:  # noqa: PLR0911  # one answer a kind of filter
    """The text that describes a filter: ``parse_filter`` reads it back as an equal one."""
    match where:
        case And() | Or():
            word = " and " if isinstance(where, And) else " or "
            return "(" + word.join(map(text_of, where.parts)) + ")"
        case Not():
            return f"not {text_of(where.part)}"
        case Present():
            return f"has {_name(where.field)}"
        case Compare():
            return f"{_name(where.field)} {where.op} {_literal(where.value)}"
        case Among():
            word = "not in" if where.negated else "in"
            return f"{_name(where.field)} {word} ({', '.join(map(_literal, where.values))})"
        case Starts():
            return f"{_name(where.field)} starts {_literal(where.prefix)}"
        case Words():
            return f"{_name(where.field)} ~ {_literal(where.words)}"
        case Near():
            fields = f"{_name(where.latitude_field)}, {_name(where.longitude_field)}"
            return f"near({fields}, {where.latitude!r}, {where.longitude!r}) < {where.metres!r} m"
    assert_never(where)


@cache
def _parser() -> "Lark":
    from lark import Lark

    from commonspace.index.filter_reading import Reading

    return Lark(_GRAMMAR, parser="lalr", transformer=Reading())


def _unread(text: str, error: Any) -> UsageError:
    """Where reading stopped, what stands there, and what could."""
    at = getattr(error, "pos_in_stream", None)
    at = len(text) if at is None or at < 0 or getattr(getattr(error, "token", None), "type", "") == "$END" else at
    found = f"'{text[at : at + 20]}'" if text[at:].strip() else "its end"
    expected = getattr(error, "accepts", None) or getattr(error, "expected", None) or getattr(error, "allowed", None)
    names = sorted({_NAMES[each] for each in expected or () if each in _NAMES})
    hint = f"There may stand: {', '.join(names)}. " if names else ""
    return UsageError(f"The filter cannot be read at character {at + 1}, {found}.", fix=f"{hint}{_SHAPES}")


def _name(field: str) -> str:
    plain = _WORD.fullmatch(field) and field.lower() not in _KEYWORDS
    return field if plain else "`" + field.replace("`", "``") + "`"


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'
    return repr(value)
