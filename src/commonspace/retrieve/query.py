"""What is looked for: contents and stored items that add up by their weights, and some that are not wanted."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self, final

from commonspace.core.errors import UsageError

__all__ = ["Part", "Query"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One part: a content as in ``embed``, or an item of the store by its id or uri.

    Parts of a weight above zero add up; a weight below zero says what is not wanted. A stored item that is a part is
    no answer to its own query.
    """

    content: object = None
    item: str | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if (self.content is None) == (self.item is None):
            raise UsageError(
                "A part of a query is a content, or an item of the store.",
                fix="Give Part(content=...) or Part(item=...), not both.",
            )

    def times(self, factor: float) -> "Part":
        """The same part, counting so many times as much."""
        return Part(content=self.content, item=self.item, weight=self.weight * factor)


@final
@dataclass(frozen=True, slots=True, init=False, eq=False)
class Query:
    """Parts that are looked for together: ``Query("sneakers") + 0.5 * Query(Path("photo.jpg")) - "blue"``.

    A ``str`` is always text, a ``Path`` a file; pictures, bytes and ``Audio`` are media. ``Query.like`` takes items of
    the store. Adding and subtracting take a query or a content; a number multiplies every weight.
    """

    parts: tuple[Part, ...]
    __array_ufunc__ = None  # a NumPy number on the left leaves the product to us

    def __init__(self, *contents: object, parts: Iterable[Part] = ()) -> None:
        made = (Part(content=content) for content in contents)
        object.__setattr__(self, "parts", (*made, *parts))

    @classmethod
    def like(cls, *items: str) -> Self:
        """More like these items of the store, by id or uri; they themselves are left out of the answer."""
        return cls(parts=[Part(item=item) for item in items])

    @classmethod
    def of(cls, query: object) -> "Query":
        """A query as it is, or one of a single content."""
        return query if isinstance(query, Query) else cls(query)

    def __add__(self, other: object) -> "Query":
        return Query(parts=(*self.parts, *Query.of(other).parts))

    def __radd__(self, other: object) -> "Query":
        return Query.of(other) + self

    def __sub__(self, other: object) -> "Query":
        return self + -1.0 * Query.of(other)

    def __rsub__(self, other: object) -> "Query":
        return Query.of(other) - self

    def __mul__(self, factor: Any) -> "Query":
        try:
            number = float(factor)
        except (TypeError, ValueError):
            return NotImplemented
        return Query(parts=[part.times(number) for part in self.parts])

    __rmul__ = __mul__

    def __neg__(self) -> "Query":
        return self * -1.0
