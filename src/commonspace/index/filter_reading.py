"""What each rule of the filters' grammar stands for; called while reading, so that no tree is ever walked."""

import re
from typing import Any, Final, final

from lark import Transformer, v_args

from commonspace.core.errors import UsageError
from commonspace.index.filters import Among, And, Compare, Filter, Near, Not, Op, Or, Present, Starts, Value, Words
from commonspace.index.sql_functions import instant_of

__all__ = ["Reading"]

_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
_METRES: Final = {"m": 1.0, "km": 1000.0}


@final
@v_args(inline=True)
class Reading(Transformer[Any, Filter]):
    """Rules to filters; the methods are named like the rules."""

    def start(self, where: Filter) -> Filter:
        """The whole text."""
        return where

    def either(self, *parts: Filter) -> Filter:
        """``a or b``."""
        return parts[0] if len(parts) == 1 else Or(parts=parts)

    def both(self, *parts: Filter) -> Filter:
        """``a and b``."""
        return parts[0] if len(parts) == 1 else And(parts=parts)

    def negated(self, part: Filter) -> Filter:
        """``not a``."""
        return Not(part=part)

    def compare(self, field: str, op: str, value: Value) -> Filter:
        """``field < value``."""
        return Compare(field=field, op=Op(str(op)), value=value)

    def among(self, field: str, values: tuple[Value, ...]) -> Filter:
        """``field in (...)``."""
        return Among(field=field, values=values)

    def not_among(self, field: str, values: tuple[Value, ...]) -> Filter:
        """``field not in (...)``."""
        return Among(field=field, values=values, negated=True)

    def words(self, field: str, text: str) -> Filter:
        """``field ~ "words"``."""
        return Words(field=field, words=self.string(text))

    def starts(self, field: str, text: str) -> Filter:
        """``field starts "prefix"``."""
        return Starts(field=field, prefix=self.string(text))

    def present(self, field: str) -> Filter:
        """``has field``."""
        return Present(field=field)

    def near(self, *parts: str) -> Filter:
        """``near(field, field, latitude, longitude) < distance unit``."""
        latitude_field, longitude_field, latitude, longitude, distance, unit = parts
        return Near(
            latitude_field=latitude_field,
            longitude_field=longitude_field,
            latitude=float(latitude),
            longitude=float(longitude),
            metres=float(distance) * _METRES[str(unit)],
        )

    def values(self, *values: Value) -> tuple[Value, ...]:
        """``(a, b)``."""
        return values

    def string(self, token: str) -> str:
        """A text between quotes; a backslash takes the next character as it is, but for n, t and r."""
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), str(token)[1:-1], flags=re.DOTALL)

    def number(self, token: str) -> Value:
        """A whole number or one with a fraction."""
        plain = re.fullmatch(r"[+-]?\d{1,400}", str(token))
        return int(token) if plain else float(token)

    def time(self, token: str) -> Value:
        """An ISO 8601 date or time.

        Raises:
            UsageError: there is no such day or hour.
        """
        moment = instant_of(str(token))
        if moment is None:
            raise UsageError(f"There is no time {token}.", fix="Write times like 2024-05-31 or 2024-05-31T18:00:00Z.")
        return moment

    def true(self, _: str) -> Value:
        """``true``."""
        return True

    def false(self, _: str) -> Value:
        """``false``."""
        return False

    def name(self, token: str) -> str:
        """A field's name as it is."""
        return str(token)

    def quoted(self, token: str) -> str:
        """A field's name in backticks; two stand for one."""
        return str(token)[1:-1].replace("``", "`")
