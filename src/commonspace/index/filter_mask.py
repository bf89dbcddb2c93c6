"""A filter as a mask over segments, from columns of their items' fields; knows no database."""

import math
from typing import Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from commonspace.index.field_column import FieldColumn
from commonspace.index.filters import Among, And, Compare, Filter, Kind, Near, Not, Op, Or, Present, Starts, Words
from commonspace.index.index import Mask
from commonspace.index.sql_functions import EARTH_METRES

__all__ = ["Fields", "mask_of"]


class Fields(Protocol):
    """What is known of the segments that a mask is wanted of."""

    @property
    def num_segments(self) -> int:
        """How many there are."""
        ...

    def column(self, field: str) -> FieldColumn:
        """A field's values, by segment."""
        ...

    def with_words(self, where: Words) -> Mask:
        """Which segments are of items that hold these words."""
        ...


def mask_of(where: Filter, fields: Fields) -> Mask:  # noqa: PLR0911  # one answer a kind of filter
    """Which segments are of items for which a checked filter holds."""
    match where:
        case Compare():
            return fields.column(where.field).compared(where.op, where.value)
        case Among():
            column = fields.column(where.field)
            among = column.among(where.values)
            return column.of_kinds(where.values) & ~among if where.negated else among
        case Starts():
            return fields.column(where.field).starting(where.prefix)
        case Words():
            return fields.with_words(where)
        case Near():
            return _near(where, fields)
        case Present():
            return fields.column(where.field).present
        case Not():
            return ~mask_of(where.part, fields)
        case And() | Or():
            join = np.logical_and if isinstance(where, And) else np.logical_or
            found: Mask = join.reduce([mask_of(part, fields) for part in where.parts])
            return found
    assert_never(where)


def _near(where: Near, fields: Fields) -> Mask:
    """The haversine formula, as in ``sql_functions.metres_between``, for what is not too far north or south anyway."""
    latitudes, longitudes = fields.column(where.latitude_field), fields.column(where.longitude_field)
    placed = latitudes.is_kind(Kind.NUMBER) & longitudes.is_kind(Kind.NUMBER)
    south, north = where.latitude - _reach(where.metres), where.latitude + _reach(where.metres)
    placed &= latitudes.compared(Op.AT_LEAST, max(-90.0, south)) & latitudes.compared(Op.AT_MOST, min(90.0, north))
    placed &= longitudes.compared(Op.AT_LEAST, -180) & longitudes.compared(Op.AT_MOST, 180)
    answer = np.zeros(fields.num_segments, np.bool_)
    answer[placed] = _metres(latitudes.numbers[placed], longitudes.numbers[placed], where) < where.metres
    return answer


def _reach(metres: float) -> float:
    """The degrees of latitude that a distance spans, and a little more for rounding."""
    return math.degrees(metres / EARTH_METRES) * (1 + 1e-9) + 1e-9


def _metres(latitudes: NDArray[np.float64], longitudes: NDArray[np.float64], where: Near) -> NDArray[np.float64]:
    here, there = np.radians(latitudes), np.radians(where.latitude)
    half_down = np.sin((there - here) / 2)
    half_across = np.sin(np.radians(where.longitude - longitudes) / 2)
    chord = half_down * half_down + np.cos(here) * np.cos(there) * half_across * half_across
    metres: NDArray[np.float64] = 2 * EARTH_METRES * np.arcsin(np.minimum(1.0, np.sqrt(chord)))
    return metres
