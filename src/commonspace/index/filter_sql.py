"""A filter as an SQL condition on ``items``, every value a parameter."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never, final

from commonspace.index.filters import (
    BUILT_IN,
    METADATA,
    TEXT_FIELD,
    Among,
    And,
    Compare,
    Filter,
    Kind,
    Near,
    Not,
    Or,
    Present,
    Starts,
    Value,
    Words,
    kind_of,
)
from commonspace.index.rows import SqlValue
from commonspace.index.sql_functions import micros_of
from commonspace.index.words import all_quoted

__all__ = ["Clause", "clause_of", "column_sql", "words_query"]

_COLUMNS: Final = {
    "name": "CASE typeof({table}.name) WHEN 'text' THEN {table}.name END",
    "modified": "({table}.modified_ns - (({table}.modified_ns % 1000) + 1000) % 1000) / 1000",
}

_TYPES = {
    Kind.TEXT: "('text')",
    Kind.NUMBER: "('integer', 'real')",
    Kind.BOOLEAN: "('true', 'false')",
}
_HAS_KEY = "EXISTS (SELECT 1 FROM json_each(items.metadata) AS f WHERE f.key = ?"
_LISTED = "(SELECT value FROM json_each(?))"
_NUMBER = "(SELECT f.value FROM json_each(items.metadata) AS f WHERE f.key = ? AND f.type IN ('integer', 'real'))"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A condition with ``?`` for each of its values, in parentheses."""

    text: str
    values: tuple[SqlValue, ...] = ()


def clause_of(where: Filter) -> Clause:  # noqa: PLR0911  # one answer a kind of filter
    """The condition for a checked filter; its columns are those of ``items``, its functions ``sql_functions``'."""
    match where:
        case Compare() | Among() | Starts():
            return _of_value(where)
        case Words():
            query = words_query(where)
            return Clause(
                text="(items.row IN (SELECT item FROM segments WHERE id IN "
                "(SELECT rowid FROM words WHERE words MATCH ?)))",
                values=(query,),
            )
        case Near():
            latitude, longitude = _number(where.latitude_field), _number(where.longitude_field)
            return Clause(
                text=f"(coalesce(commonspace_metres({latitude.text}, {longitude.text}, ?, ?) < ?, 0))",
                values=(*latitude.values, *longitude.values, where.latitude, where.longitude, where.metres),
            )
        case Present():
            if where.field in BUILT_IN:
                return Clause(text=f"(({column_sql(where.field)}) IS NOT NULL)")
            return Clause(text=f"({_HAS_KEY}))", values=(_key(where.field),))
        case Not():
            inner = clause_of(where.part)
            return Clause(text=f"(NOT {inner.text})", values=inner.values)
        case And() | Or():
            return _joined(where)
    assert_never(where)


def column_sql(field: str, table: str = "items") -> str:
    """The SQL of a built-in field: times are whole microseconds since 1970, a name that is no text is missing."""
    return _COLUMNS.get(field, "{table}." + field).format(table=table)


def words_query(where: Words) -> str:
    """The FTS5 query for all the words, in one column or in any."""
    words = all_quoted(where.words)
    return f"({words})" if where.field == TEXT_FIELD else f"name : ({words})"


def _joined(where: And | Or) -> Clause:
    parts = [clause_of(part) for part in where.parts]
    word = " AND " if isinstance(where, And) else " OR "
    values = tuple(value for part in parts for value in part.values)
    return Clause(text=f"({word.join(part.text for part in parts)})", values=values)


def _of_value(where: Compare | Among | Starts) -> Clause:
    """A comparison of one field: EXISTS over the metadata's keys, or a column with its type made sure."""
    kinds = sorted(_kinds(where))
    if not kinds:
        return Clause(text="(0)")
    tests = [_test(where, kind) for kind in kinds]
    if where.field in BUILT_IN:
        column = f"({column_sql(where.field)})"
        text = _any(where, kinds, tests).format(value=column, type=f"typeof({column})")
        return Clause(text=f"(coalesce({text}, 0))", values=tuple(value for test in tests for value in test.values))
    text = _any(where, kinds, tests).format(value="f.value", type="f.type")
    return Clause(
        text=f"({_HAS_KEY} AND ({text})))",
        values=(_key(where.field), *(value for test in tests for value in test.values)),
    )


def _kinds(where: Compare | Among | Starts) -> set[Kind]:
    if isinstance(where, Starts):
        return {Kind.TEXT}
    return {kind_of(value) for value in (where.values if isinstance(where, Among) else (where.value,))}


def _any(where: Compare | Among | Starts, kinds: Sequence[Kind], tests: Sequence[Clause]) -> str:
    """One of the tests passes; or, where the filter says so, the value has one of the types and passes none."""
    passes = " OR ".join(test.text for test in tests)
    if not (isinstance(where, Among) and where.negated):
        return passes
    typed = " OR ".join(_typed(where.field, kind)[0] for kind in kinds)
    return f"({typed}) AND NOT coalesce({passes}, 0)"


def _test(where: Compare | Among | Starts, kind: Kind) -> Clause:
    """The condition on values of one type; ``{value}`` and ``{type}`` stand for the field's."""
    guard, value = _typed(where.field, kind)
    if isinstance(where, Starts):
        return Clause(text=f"({guard} AND substr({value}, 1, ?) = ?)", values=(len(where.prefix), where.prefix))
    if isinstance(where, Compare):
        operand, bound = _bound(where.value)
        return Clause(text=f"({guard} AND {value} {where.op} {operand})", values=(bound,))
    listed = json.dumps([_plain(each) for each in where.values if kind_of(each) is kind])
    return Clause(text=f"({guard} AND {value} IN {_LISTED})", values=(listed,))


def _typed(field: str, kind: Kind) -> tuple[str, str]:
    """Whether the field's value has a type, and the value as that type."""
    if kind is not Kind.TIME:
        return f"{{type}} IN {_TYPES[kind]}", "{value}"
    value = "{value}" if field in BUILT_IN else "commonspace_micros({value})"
    return f"{value} IS NOT NULL", value


def _bound(value: Value) -> tuple[str, SqlValue]:
    """How a value is written: numbers as JSON, so that SQLite reads them as it reads the metadata's."""
    plain = _plain(value)
    if kind_of(value) is Kind.NUMBER:
        return "json_extract(?, '$')", json.dumps(plain)
    return "?", plain


def _plain(value: Value) -> str | int | float | bool:
    return micros_of(value) if isinstance(value, datetime) else value


def _number(field: str) -> Clause:
    """The field's number, NULL where it is none."""
    if field in BUILT_IN:
        return Clause(text=column_sql(field))
    return Clause(text=_NUMBER, values=(_key(field),))


def _key(field: str) -> str:
    return field.removeprefix(METADATA)
