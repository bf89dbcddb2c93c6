"""What every networked store of vectors does for us: keep rows and one stamp, find the nearest, hand rows out.

One file a store says how; ``index`` in this package makes a vector index of any of them.
"""

import re
from dataclasses import dataclass
from typing import Final, Protocol, final

import numpy as np

from commonspace.core.errors import UsageError
from commonspace.core.vectors import Vectors
from commonspace.index.index import Ids

__all__ = ["RESERVED_ID", "Among", "Place", "RemoteTable", "Rows"]

RESERVED_ID: Final = 2**62
"""The id of the row that holds the stamp, in stores that keep it among the rows."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where rows are kept, and how they are looked for there.

    ``secret`` is a password, token or API key: it is never shown. ``exact`` looks at every row; else the store's own
    approximate index finds candidates.
    """

    url: str
    collection: str = "commonspace"
    secret: str | None = None
    exact: bool = True
    timeout_seconds: float = 10.0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.collection):
            raise UsageError(
                f"index.collection is {self.collection!r}: no name that every store takes.",
                fix="Use up to 32 small letters, digits and underscores, beginning with a letter.",
            )
        if not self.timeout_seconds > 0:
            raise UsageError(
                f"index.timeout_seconds is {self.timeout_seconds}; it must be above zero.",
                fix="Leave it out, or raise it.",
            )

    def name_for(self, store: str) -> str:
        """The name of one store's rows."""
        return f"{self.collection}_{store}"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Ids with their vectors, n and n x dimension, in any order."""

    ids: Ids
    vectors: Vectors

    @classmethod
    def of(cls, ids: list[int], vectors: list[Vectors], dimension: int) -> "Rows":
        """Rows out of what a client library hands over one by one."""
        stacked = np.asarray(vectors, np.float32).reshape(len(ids), dimension)
        return cls(ids=np.array(ids, np.int64), vectors=stacked)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Among:
    """Which rows may be found: up to the id ``last``, if given among ``only``, and none of ``never``.

    ``share`` is about how much of the rows that leaves. A store applies it within its search, never after.
    """

    last: int
    only: Ids | None = None
    never: Ids | None = None
    share: float = 1.0

    @property
    def narrow(self) -> bool:
        """Whether so few are left that approximate search may stray: then every one of them is looked at."""
        return self.share < 0.25


class RemoteTable(Protocol):
    """The rows kept for one store. Every call may be repeated; many threads may search at once."""

    @property
    def exact(self) -> bool:
        """Whether ``nearest`` looks at every row."""
        ...

    def attach(self, store: str) -> None:
        """Turn to the rows of the store with this identity; the first call."""
        ...

    def read_stamp(self) -> str | None:
        """The text kept beside the rows; None where there is none, as there is nothing yet."""
        ...

    def write_stamp(self, text: str) -> None:
        """Keep a text beside the rows, after everything that was changed before."""
        ...

    def clear(self, stamp: str) -> None:
        """Make an empty place, whatever was there, with this stamp.

        Raises:
            StoreError: what is there under the name is not ours.
        """
        ...

    def upsert(self, rows: Rows) -> None:
        """Keep rows; one of the same id is replaced."""
        ...

    def delete(self, ids: Ids) -> None:
        """Let go of rows; ids that are not there are ignored."""
        ...

    def nearest(self, query: Vectors, k: int, among: Among) -> Rows:
        """The ``k`` rows of the largest inner product with one query (dimension), with their vectors."""
        ...

    def fetch(self, ids: Ids) -> Rows:
        """The rows of those of these ids that are there."""
        ...

    def count(self, last: int) -> int:
        """How many rows there are with ids up to ``last``, everything written before included."""
        ...

    def listed(self, last: int) -> Ids:
        """The ids of all rows up to ``last``, in any order."""
        ...

    def settle(self) -> None:
        """Make everything written before visible to searches, and index it."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
