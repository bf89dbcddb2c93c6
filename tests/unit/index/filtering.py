"""Random items and random filters, and whether a filter holds for an item, the slow way: one item at a time."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from commonspace.core.modality import Modality
from commonspace.index.filters import (
    METADATA,
    Among,
    And,
    Compare,
    Filter,
    Near,
    Not,
    Op,
    Or,
    Present,
    Starts,
    Value,
    Words,
    kind_of,
)
from commonspace.index.records import Entry, StoredItem
from commonspace.index.sql_functions import instant_of

__all__ = ["NOW", "edge_of", "filters", "holds", "items_fields"]

NOW = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
FIELDS = ("colour", "price", "größe", 'odd "key\\', "metadata.name", "lat", "lon", "taken", "num_bytes.x")
WORDS = ("heron", "rain", "lake", "walrus")

_texts = st.sampled_from(
    [
        "",
        "red",
        "reddish",
        "white",
        "Red",
        "5",
        "true",
        "ß",
        "zß",
        "\U0001f436",
        "q\"'\\",
        "2024-05-01",
        "2024-05-01T12:30:00Z",
    ]
)
_numbers = st.sampled_from(
    [0, 1, 5, -5, 1.0, 0.1, 19.99, 0.1 + 0.2, 5e-324, 1e300, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**64, 52.5, 13.4]
)
_times = st.sampled_from(
    [NOW, NOW.replace(microsecond=1), datetime(2024, 5, 1, tzinfo=UTC), datetime(1950, 1, 1, tzinfo=UTC)]
)
_scalars = st.one_of(_texts, _numbers, st.booleans())
_fields = st.sampled_from(FIELDS)
_ops = st.sampled_from(list(Op))


def items_fields() -> st.SearchStrategy[dict[str, Any]]:
    """Changes that make an item an odd one."""
    keys = st.sampled_from([*(each.removeprefix(METADATA) for each in FIELDS), "metadata.name"])
    return st.fixed_dictionaries(
        {
            "metadata": st.dictionaries(keys, _scalars, max_size=6),
            "name": st.sampled_from(["heron.jpg", "rain on lake", "", "lone \udcff", "ß"]),
            "modality": st.sampled_from([Modality.TEXT, Modality.IMAGE]),
            "num_bytes": st.sampled_from([0, 7, 2**40]),
            "modified_ns": st.sampled_from([None, 0, -1, int(NOW.timestamp()) * 10**9 + 999, -631152000 * 10**9]),
        }
    )


def filters() -> st.SearchStrategy[Filter]:
    """Filters of every form that check_filter lets pass."""
    ordered = st.one_of(_texts, _numbers, _times)
    leaves = st.one_of(
        st.builds(Compare, field=_fields, op=_ops, value=ordered),
        st.builds(Compare, field=_fields, op=st.sampled_from([Op.EQUAL, Op.UNEQUAL]), value=st.booleans()),
        st.builds(Compare, field=st.sampled_from(["name", "uri", "modality"]), op=_ops, value=_texts),
        st.builds(Compare, field=st.just("num_bytes"), op=_ops, value=_numbers),
        st.builds(Compare, field=st.just("modified"), op=_ops, value=_times),
        st.builds(
            Among,
            field=_fields,
            values=st.lists(st.one_of(_scalars, _times), max_size=4).map(tuple),
            negated=st.booleans(),
        ),
        st.builds(Starts, field=st.sampled_from([*FIELDS, "uri", "name"]), prefix=_texts),
        st.builds(Present, field=st.sampled_from([*FIELDS, "modified", "name", "parent"])),
        st.builds(
            Words, field=st.sampled_from(["text", "name"]), words=st.sampled_from([*WORDS, "rain heron", "HERON!"])
        ),
        st.builds(
            Near,
            latitude_field=st.sampled_from(["lat", "price"]),
            longitude_field=st.just("lon"),
            latitude=st.sampled_from([0.0, 52.52, -90.0]),
            longitude=st.sampled_from([0.0, 13.4, 180.0]),
            metres=st.sampled_from([0.0, 1.0, 10_000.0, 1e7]),
        ),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Not, part=inner),
            st.builds(And, parts=st.lists(inner, min_size=1, max_size=3).map(tuple)),
            st.builds(Or, parts=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        ),
        max_leaves=6,
    )


def holds(where: Filter, entry: Entry) -> bool:  # noqa: PLR0911  # one answer a kind of filter
    """Whether a filter holds for an item, from its documentation and nothing else."""
    item = entry.item
    if isinstance(where, And):
        return all(holds(part, entry) for part in where.parts)
    if isinstance(where, Or):
        return any(holds(part, entry) for part in where.parts)
    if isinstance(where, Not):
        return not holds(where.part, entry)
    if isinstance(where, Words):
        return _has_words(where, entry)
    if isinstance(where, Near):
        here = (_value(item, where.latitude_field), _value(item, where.longitude_field))
        return _is_near(here, where)
    given = _value(item, where.field)
    if isinstance(where, Present):
        return given is not None
    if isinstance(where, Starts):
        return isinstance(given, str) and given.startswith(where.prefix)
    if isinstance(where, Compare):
        return _related(given, where.op, where.value)
    return _among(given, where.values, negated=where.negated)


def edge_of(where: Filter, entry: Entry) -> bool:
    """Whether an item lies so close to a distance's edge that rounding decides."""
    if isinstance(where, And | Or):
        return any(edge_of(part, entry) for part in where.parts)
    if isinstance(where, Not):
        return edge_of(where.part, entry)
    if not isinstance(where, Near):
        return False
    here = (_value(entry.item, where.latitude_field), _value(entry.item, where.longitude_field))
    grown = [Near(**{**_fields_of(where), "metres": max(0.0, where.metres + by)}) for by in (-1e-3, 1e-3)]
    return _is_near(here, grown[0]) != _is_near(here, grown[1])


def _fields_of(where: Near) -> dict[str, Any]:
    return {name: getattr(where, name) for name in Near.__slots__}


def _value(item: StoredItem, field: str) -> Value | None:
    if field == "modified":
        micros = None if item.modified_ns is None else item.modified_ns // 1000
        return None if micros is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
    if field in ("name", "uri", "modality", "num_bytes", "parent"):
        value = getattr(item, field)
        return None if isinstance(value, str) and any("\ud800" <= each <= "\udfff" for each in value) else value
    return item.metadata.get(field.removeprefix(METADATA))


def _related(given: Value | None, op: Op, value: Value) -> bool:
    if isinstance(value, datetime) and isinstance(given, str):
        given = instant_of(given)
    if given is None or kind_of(given) is not kind_of(value):
        return False
    one, other = _held(given), _held(value)
    answers: dict[Op, bool] = {
        Op.EQUAL: one == other,
        Op.UNEQUAL: one != other,
        Op.BELOW: one < other,
        Op.AT_MOST: one <= other,
        Op.ABOVE: one > other,
        Op.AT_LEAST: one >= other,
    }
    return answers[op]


def _held(value: Value) -> Any:
    """Whole numbers beyond 64 bits are floats, in the database and so here."""
    big = isinstance(value, int) and not -(2**63) <= value < 2**63
    return float(value) if big and isinstance(value, int) else value


def _among(given: Value | None, values: Sequence[Value], *, negated: bool) -> bool:
    if not negated:
        return any(_related(given, Op.EQUAL, value) for value in values)
    typed = any(_related(given, Op.EQUAL, value) or _related(given, Op.UNEQUAL, value) for value in values)
    return typed and not any(_related(given, Op.EQUAL, value) for value in values)


def _has_words(where: Words, entry: Entry) -> bool:
    words = {word.strip("!").lower() for word in where.words.split()}
    name = set(entry.item.name.replace(".", " ").split())
    if where.field == "name":
        return bool(entry.segments) and words <= name
    passages = [set((segment.text or "").split()) for segment in entry.segments]
    return any(words <= (passage | name if place == 0 else passage) for place, passage in enumerate(passages))


def _is_near(here: tuple[Value | None, Value | None], where: Near) -> bool:
    """By the angle between unit vectors, which is another formula than haversine's."""
    latitude, longitude = here
    for each, most in ((latitude, 90), (longitude, 180)):
        if isinstance(each, bool) or not isinstance(each, int | float) or abs(each) > most:
            return False
    assert isinstance(latitude, int | float)
    assert isinstance(longitude, int | float)
    one, other = _unit(latitude, longitude), _unit(where.latitude, where.longitude)
    cross = math.dist(
        (0, 0, 0),
        (
            one[1] * other[2] - one[2] * other[1],
            one[2] * other[0] - one[0] * other[2],
            one[0] * other[1] - one[1] * other[0],
        ),
    )
    return 6_371_008.8 * math.atan2(cross, sum(a * b for a, b in zip(one, other, strict=True))) < where.metres


def _unit(latitude: float, longitude: float) -> tuple[float, float, float]:
    up, east = math.radians(latitude), math.radians(longitude)
    return math.cos(up) * math.cos(east), math.cos(up) * math.sin(east), math.sin(up)
