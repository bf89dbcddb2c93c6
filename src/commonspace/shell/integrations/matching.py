"""Filters over metadata as LangChain users write them: ``{"year": {"$gt": 2020}, "tag": ["a", "b"]}``."""

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from commonspace.core.errors import UsageError
from commonspace.index.filters import Filter
from commonspace.shell.integrations.narrowing import all_of, any_of, compared

__all__ = ["matches", "narrowed"]

Wanted = Mapping[str, Any]

COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$eq": eq,
    "$ne": ne,
    "$gt": gt,
    "$gte": ge,
    "$lt": lt,
    "$lte": le,
    "$in": lambda value, wanted: value in wanted,
    "$nin": lambda value, wanted: value not in wanted,
}
STORED: Final = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<=", "$in": "in"}
DEEPEST: Final = 16


def matches(metadata: Wanted, wanted: Wanted, *, depth: int = 0) -> bool:
    """Whether metadata is as wanted: every field equal, one of a list, or as the operators say.

    ``$and``, ``$or`` take lists of filters and ``$not`` takes one. A field that is missing fails every operator but
    ``$ne`` and ``$nin``; so does a comparison of values that have no order.

    Raises:
        UsageError: an operator is unknown, or the filter is nested too deep.
    """
    if depth > DEEPEST:
        raise UsageError("The filter is nested too deep.", fix=f"Nest at most {DEEPEST} levels.")
    return all(_holds(metadata, name, value, depth) for name, value in wanted.items())


def narrowed(wanted: Wanted, *, depth: int = 0) -> Filter | None:
    """The same as far as a store's filter can say it."""
    return None if depth > DEEPEST else all_of([_narrowed(name, value, depth) for name, value in wanted.items()])


def _narrowed(name: str, value: Any, depth: int) -> Filter | None:
    if name == "$not":
        return None
    if name in ("$and", "$or"):
        parts = [narrowed(each, depth=depth + 1) for each in value]
        return all_of(parts) if name == "$and" else any_of(parts)
    if isinstance(value, Mapping):
        return all_of([compared(name, STORED.get(operator, ""), each) for operator, each in value.items()])
    return compared(name, "in" if isinstance(value, list | tuple | set) else "=", value)


def _holds(metadata: Wanted, name: str, value: Any, depth: int) -> bool:
    match name:
        case "$and":
            return all(matches(metadata, each, depth=depth + 1) for each in value)
        case "$or":
            return any(matches(metadata, each, depth=depth + 1) for each in value)
        case "$not":
            return not matches(metadata, value, depth=depth + 1)
    if isinstance(value, Mapping):
        return all(_compared(metadata, name, operator, each) for operator, each in value.items())
    return _compared(metadata, name, "$in" if isinstance(value, list | tuple | set) else "$eq", value)


def _compared(metadata: Wanted, name: str, operator: str, wanted: Any) -> bool:
    compare = COMPARE.get(operator)
    if compare is None:
        raise UsageError(f"'{operator}' is no operator of a filter.", fix=f"Use one of {', '.join(COMPARE)}.")
    if name not in metadata:
        return operator in ("$ne", "$nin")
    try:
        return bool(compare(metadata[name], wanted))
    except TypeError:
        return False
