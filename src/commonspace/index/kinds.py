"""Which index a store is searched with: the kinds there are, a choice among them, and the choice made by size.

Up to ``FLAT_ROWS`` a look at every row takes a millisecond or so, and nothing is missed. Up to ``SCAN_ROWS`` codes of
every row take about as long, whatever the queries are like. Beyond, inverted lists bound what a query looks at.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final, final

from commonspace.core.errors import UsageError
from commonspace.index.binary import SignCodes
from commonspace.index.coarse import Coarse
from commonspace.index.exact import ExactIndex
from commonspace.index.flat import FlatIndex
from commonspace.index.hnsw import NearGraph
from commonspace.index.index import Index
from commonspace.index.ivf import Codec, InvertedLists
from commonspace.index.refined import RefinedIndex
from commonspace.index.scan import CodeScan, scan_is_here
from commonspace.index.schema import about, set_about

__all__ = [
    "DEPTHS",
    "FLAT_ROWS",
    "LONG_IN_MAKING",
    "SCAN_ROWS",
    "Choice",
    "Kind",
    "automatic",
    "chosen",
    "made",
    "store_choice",
]

FLAT_ROWS: Final = 20_000
SCAN_ROWS: Final = 1_000_000
ABOUT_KEY: Final = "index"


class Kind(StrEnum):
    """What an index is made of; all but the first two look at candidates and score those exactly."""

    EXACT = "exact"
    FLAT = "flat"
    SCAN = "scan"
    IVF_FLAT = "ivf-flat"
    IVF_SQ8 = "ivf-sq8"
    IVF_PQ = "ivf-pq"
    IVF_RABITQ = "ivf-rabitq"
    HNSW = "hnsw"
    HNSW_SQ8 = "hnsw-sq8"
    BINARY = "binary"


DEPTHS: Final = {
    Kind.SCAN: 100,
    Kind.IVF_FLAT: 32,
    Kind.IVF_SQ8: 64,
    Kind.IVF_PQ: 200,
    Kind.IVF_RABITQ: 200,
    Kind.HNSW: 32,
    Kind.HNSW_SQ8: 64,
    Kind.BINARY: 1_000,
}
"""How many candidates are scored exactly, if not said."""

LONG_IN_MAKING: Final = frozenset(Kind) - {Kind.EXACT, Kind.FLAT, Kind.SCAN, Kind.BINARY}
"""What is fitted or linked row by row: minutes for a million rows, where codes take seconds."""

_CODECS = {
    Kind.IVF_FLAT: Codec.FLAT,
    Kind.IVF_SQ8: Codec.SQ8,
    Kind.IVF_PQ: Codec.PQ,
    Kind.IVF_RABITQ: Codec.RABITQ,
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A kind with its knobs; None is the kind's own value.

    ``depth`` candidates are scored exactly (or twice the hits wanted, if that is more). ``effort`` is the number of
    lists that IVF looks into, HNSW's ``efSearch``, and nothing elsewhere.
    """

    kind: Kind
    depth: int | None = None
    effort: int | None = None

    def __post_init__(self) -> None:
        for name in ("depth", "effort"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise UsageError(f"{name} must be a whole number of at least 1, not {value!r}.", fix="Correct it.")


def made(choice: Choice, dimension: int) -> Index:
    """An empty index of a choice. Where turbovec is not installed ``scan`` is ``flat``."""
    if choice.kind is Kind.EXACT:
        return ExactIndex(dimension)
    if choice.kind is Kind.FLAT or (choice.kind is Kind.SCAN and not scan_is_here()):
        return FlatIndex(dimension)
    return RefinedIndex(dimension, _coarse(choice), choice.depth or DEPTHS[choice.kind])


def automatic(num_rows: int, held: Kind | None = None) -> Choice:
    """The choice by size alone; the kind that is ``held`` already stays until size has halved below its bound."""
    if num_rows > SCAN_ROWS or (held is Kind.IVF_RABITQ and num_rows > SCAN_ROWS // 2):
        return Choice(kind=Kind.IVF_RABITQ)
    if num_rows > FLAT_ROWS or (held in {Kind.SCAN, Kind.IVF_RABITQ} and num_rows > FLAT_ROWS // 2):
        return Choice(kind=Kind.SCAN)
    return Choice(kind=Kind.FLAT)


def chosen(connection: sqlite3.Connection) -> Choice | None:
    """What the store was told to use; None if nothing, or nothing that this version knows."""
    text = about(connection, ABOUT_KEY)
    try:
        record = json.loads(str(text))
        return replace(Choice(**record), kind=Kind(record["kind"]))
    except (ValueError, TypeError, KeyError, UsageError):
        return None


def store_choice(connection: sqlite3.Connection, choice: Choice | None) -> None:
    """Remember a choice in the caller's transaction; None goes back to the choice by size."""
    set_about(connection, ABOUT_KEY, json.dumps(choice and asdict(choice)))


def _coarse(choice: Choice) -> Callable[[int], Coarse]:
    if choice.kind is Kind.SCAN:
        return CodeScan
    if choice.kind is Kind.BINARY:
        return SignCodes
    if choice.kind in _CODECS:
        return partial(InvertedLists, codec=_CODECS[choice.kind], probes=choice.effort)
    return partial(NearGraph, eight_bits=choice.kind is Kind.HNSW_SQ8, effort=choice.effort)
