"""What SQL cannot say by itself: the instant that a text names, and the distance between two points."""

import math
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["EARTH_METRES", "add_functions", "instant_of", "metres_between", "micros_of"]

EARTH_METRES: Final = 6_371_008.8
"""The mean radius of the earth (IUGG)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)


def add_functions(connection: sqlite3.Connection) -> None:
    """Teach a connection ``commonspace_micros(text)`` and ``commonspace_metres(lat, lon, lat, lon)``."""
    connection.create_function("commonspace_micros", 1, _micros, deterministic=True)
    connection.create_function("commonspace_metres", 4, metres_between, deterministic=True)


def instant_of(text: str) -> datetime | None:
    """The instant that an ISO 8601 date or time names, UTC where it has no offset; None for any other text."""
    if not _ISO_8601.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def micros_of(moment: datetime) -> int:
    """Whole microseconds since 1970; UTC where the time has no offset."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def metres_between(latitude: object, longitude: object, other_latitude: float, other_longitude: float) -> float | None:
    """The great-circle distance by the haversine formula; None where the first is no point in degrees."""
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # degrees on a globe
        return None
    here, there = math.radians(latitude), math.radians(other_latitude)
    half_down = math.sin((there - here) / 2)
    half_across = math.sin(math.radians(other_longitude - longitude) / 2)
    chord = half_down * half_down + math.cos(here) * math.cos(there) * half_across * half_across
    return 2 * EARTH_METRES * math.asin(min(1.0, math.sqrt(chord)))


def _micros(text: object) -> int | None:
    moment = instant_of(text) if isinstance(text, str) else None
    return None if moment is None else micros_of(moment)
