"""One field's values by segment, typed and in arrays, so that a comparison is a few passes over numbers.

Texts are numbered in code point order (``vocabulary``), so equality, order and prefixes of texts become comparisons of
numbers; a number stands for itself as float64, and the few whole numbers that float64 cannot tell apart are kept
besides, as ``large``.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.item import Scalar
from commonspace.index.filters import Kind, Op, Value, kind_of
from commonspace.index.index import Ids, Mask
from commonspace.index.sql_functions import instant_of, micros_of

__all__ = ["CODES", "FieldColumn", "column_of"]

CODES: Final[Mapping[Kind, int]] = {kind: code for code, kind in enumerate(Kind, start=1)}
MISSING: Final = 0
NO_TEXT: Final = -1
EXACT: Final = 2**53
INTEGER_LIMIT: Final = 2**63

_COMPARISONS: Final[Mapping[Op, Callable[..., Mask]]] = {
    Op.EQUAL: np.equal,
    Op.UNEQUAL: np.not_equal,
    Op.BELOW: np.less,
    Op.AT_MOST: np.less_equal,
    Op.ABOVE: np.greater,
    Op.AT_LEAST: np.greater_equal,
}
_ORDERS: Final[Mapping[Op, Callable[[float, float], bool]]] = {
    Op.EQUAL: lambda one, other: one == other,
    Op.UNEQUAL: lambda one, other: one != other,
    Op.BELOW: lambda one, other: one < other,
    Op.AT_MOST: lambda one, other: one <= other,
    Op.ABOVE: lambda one, other: one > other,
    Op.AT_LEAST: lambda one, other: one >= other,
}


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class FieldColumn:
    """By ascending segment id: the type of the field's value (0 where it is missing), its number, its text's number.

    A boolean's number is 0 or 1, a time's is microseconds since 1970.
    """

    ids: Ids
    kinds: NDArray[np.uint8]
    numbers: NDArray[np.float64]
    texts: NDArray[np.int32]
    vocabulary: list[str]
    large: dict[int, int] = field(default_factory=dict)

    @cached_property
    def instants(self) -> NDArray[np.float64]:
        """For each text of the vocabulary the microseconds since 1970 that it names, NaN for most; and a last NaN."""
        moments = [instant_of(text) for text in self.vocabulary]
        return np.array([np.nan if each is None else micros_of(each) for each in moments] + [np.nan], np.float64)

    def is_kind(self, kind: Kind) -> Mask:
        """Where the value has this type."""
        found: Mask = self.kinds == CODES[kind]
        return found

    @property
    def present(self) -> Mask:
        """Where there is a value."""
        found: Mask = self.kinds != MISSING
        return found

    def compared(self, op: Op, value: Value) -> Mask:
        """Where the value has ``value``'s type and stands in this relation to it."""
        kind = kind_of(value)
        if isinstance(value, datetime):
            return self._timed(op, value)
        if isinstance(value, str):
            return self._ordered(op, value)
        number = _float(value)
        answer = self.is_kind(kind) & _COMPARISONS[op](self.numbers, number)
        if kind is Kind.NUMBER and self.large and abs(number) >= EXACT:
            for place in np.flatnonzero((self.numbers == number) & self.is_kind(kind)):
                answer[place] = _ORDERS[op](self.large.get(int(place), float(self.numbers[place])), _held(value))
        return answer

    def among(self, values: Sequence[Value]) -> Mask:
        """Where the value is one of these, type and all."""
        found = np.zeros(len(self.ids), np.bool_)
        places = [self._place(value) for value in values if isinstance(value, str)]
        known = [place for place in places if place is not None]
        if known:
            table = np.zeros(len(self.vocabulary) + 1, np.bool_)  # the last is that of no text
            table[known] = True
            found |= table[self.texts]
        for value in values:
            if not isinstance(value, str):
                found |= self.compared(Op.EQUAL, value)
        return found

    def of_kinds(self, values: Sequence[Value]) -> Mask:
        """Where the value has the type of one of these."""
        found = np.zeros(len(self.ids), np.bool_)
        for kind in {kind_of(value) for value in values}:
            found |= self._is_time() if kind is Kind.TIME else self.is_kind(kind)
        return found

    def starting(self, prefix: str) -> Mask:
        """Where the value is a text that begins so."""
        low = bisect_left(self.vocabulary, prefix)
        high = bisect_right(self.vocabulary, prefix, lo=low, key=lambda text: text[: len(prefix)])
        return (self.texts >= low) & (self.texts < high)

    def kept(self, mask: Mask) -> "FieldColumn":
        """Only the segments where ``mask`` is true."""
        places = np.flatnonzero(mask)
        moved = {int(old): new for new, old in enumerate(places)} if self.large else {}
        return replace(
            self,
            ids=self.ids[mask],
            kinds=self.kinds[mask],
            numbers=self.numbers[mask],
            texts=self.texts[mask],
            large={moved[place]: value for place, value in self.large.items() if place in moved},
        )

    def followed_by(self, other: "FieldColumn") -> "FieldColumn":
        """This one, and behind it another whose ids are all greater."""
        vocabulary = self.vocabulary
        if not set(other.vocabulary) <= set(vocabulary):
            vocabulary = sorted({*vocabulary, *other.vocabulary})
        return FieldColumn(
            ids=np.concatenate([self.ids, other.ids]),
            kinds=np.concatenate([self.kinds, other.kinds]),
            numbers=np.concatenate([self.numbers, other.numbers]),
            texts=np.concatenate([_renumbered(each, vocabulary) for each in (self, other)]),
            vocabulary=vocabulary,
            large={**self.large, **{place + len(self.ids): value for place, value in other.large.items()}},
        )

    def _ordered(self, op: Op, value: str) -> Mask:
        low, high = bisect_left(self.vocabulary, value), bisect_right(self.vocabulary, value)
        match op:
            case Op.EQUAL:
                return (self.texts == low) if high > low else np.zeros(len(self.ids), np.bool_)
            case Op.UNEQUAL:
                return (self.texts >= 0) & ((self.texts != low) if high > low else True)
            case Op.BELOW | Op.AT_MOST:
                return (self.texts >= 0) & (self.texts < (low if op is Op.BELOW else high))
            case Op.ABOVE | Op.AT_LEAST:
                return self.texts >= (high if op is Op.ABOVE else low)

    def _timed(self, op: Op, value: datetime) -> Mask:
        micros = float(micros_of(value))
        with np.errstate(invalid="ignore"):
            return self._is_time() & _COMPARISONS[op](self._micros(), micros)

    def _is_time(self) -> Mask:
        return np.isfinite(self._micros())

    def _micros(self) -> NDArray[np.float64]:
        """Microseconds since 1970 where the value is a time or a text that names one, else NaN."""
        return np.where(self.is_kind(Kind.TIME), self.numbers, self.instants[self.texts])

    def _place(self, text: str) -> int | None:
        place = bisect_left(self.vocabulary, text)
        return place if place < len(self.vocabulary) and self.vocabulary[place] == text else None


def column_of(rows: Iterable[tuple[int, Scalar | None]], *, time: bool = False) -> FieldColumn:
    """A column of (segment id, value) in any order; None is a missing value. With ``time``, numbers are instants."""
    pairs = sorted(rows, key=lambda row: row[0])
    values = [value for _, value in pairs]
    vocabulary = sorted({value for value in values if isinstance(value, str)})
    numbering = {text: code for code, text in enumerate(vocabulary)}
    missing = np.nan
    codes = {bool: CODES[Kind.BOOLEAN], str: CODES[Kind.TEXT], type(None): MISSING}
    number = CODES[Kind.TIME if time else Kind.NUMBER]
    return FieldColumn(
        ids=np.array([segment for segment, _ in pairs], np.int64),
        kinds=np.array([codes.get(type(value), number) for value in values], np.uint8),
        numbers=np.array(
            [_float(value) if isinstance(value, int | float) else missing for value in values], np.float64
        ),
        texts=np.array([numbering[value] if isinstance(value, str) else NO_TEXT for value in values], np.int32),
        vocabulary=vocabulary,
        large={
            place: value
            for place, value in enumerate(values)
            if isinstance(value, int) and EXACT < abs(value) < INTEGER_LIMIT
        },
    )


def _renumbered(column: FieldColumn, vocabulary: list[str]) -> NDArray[np.int32]:
    if column.vocabulary is vocabulary:
        return column.texts
    numbering = {text: code for code, text in enumerate(vocabulary)}
    table = np.array([numbering[text] for text in column.vocabulary] + [NO_TEXT], np.int32)
    return table[column.texts]


def _float(value: float) -> float:
    """A number as float64; whole numbers beyond its range are infinite."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def _held(value: Value) -> float:
    """A number as the database holds it: beyond 64 bits a whole number is a float64."""
    number = value if isinstance(value, int | float) else 0
    return number if isinstance(number, int) and abs(number) < INTEGER_LIMIT else _float(number)
