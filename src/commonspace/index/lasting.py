"""An index whose rows outlive the process, in a place that several readers may share, and how it keeps in step.

The rows are derived like any other index: the database is the truth. Beside them lies a stamp, written last, that says
whose they are and which state they show. What the stamp does not vouch for is replayed, or brought there again.
"""

import json
import secrets
import sqlite3
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, Self, final, runtime_checkable

import numpy as np

from commonspace.core.errors import StoreError
from commonspace.core.space import Space
from commonspace.index.bias import ItemBias
from commonspace.index.columns import Columns, columns_until, removals_since
from commonspace.index.index import Ids
from commonspace.index.schema import about, number, read_space

__all__ = ["Kept", "Lasting", "Resumption", "Stamp"]

TAIL_SEGMENTS = 16
PROBES = 64
MOST_DISTURBANCES = 8
MOST_LOSSES = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What kept rows show: of which store, in which state, and which change somebody is at.

    ``origin`` covers all that decides what a row holds: the space, the bias, the dimension. ``epoch`` is new whenever
    the rows are begun anew. ``changing`` is above ``sequence`` while rows may already be gone that ``sequence`` still
    has. ``tail`` are the last segments with their checksums: a database with another past contradicts them.
    """

    origin: str
    epoch: str
    sequence: int
    changing: int
    tail: tuple[tuple[int, int], ...] = ()

    def text(self) -> str:
        """The stamp as it is kept beside the rows."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of_text(cls, text: str | None) -> Self | None:
        """The stamp in a text; None where there is none, or one that cannot be read."""
        try:
            record = json.loads(text or "")
            tail = tuple((int(segment), int(crc)) for segment, crc in record["tail"])
            numbers = {name: int(record[name]) for name in ("sequence", "changing")}
            return cls(origin=str(record["origin"]), epoch=str(record["epoch"]), tail=tail, **numbers)
        except (ValueError, KeyError, TypeError):
            return None


@runtime_checkable
class Lasting(Protocol):
    """What an index can do besides, if its rows last."""

    def attach(self, store: str) -> None:
        """Turn to the rows of the store with this identity; where there are none, make room for them."""
        ...

    def restart(self, stamp: Stamp) -> None:
        """Let go of every row, and keep this stamp."""
        ...

    def resume(self, ids: Ids) -> None:
        """Hold these ids, whose rows are there already."""
        ...

    def only_hold(self, *, others: bool) -> None:
        """Whether what is added and removed from now on has been brought to the rows by somebody else already."""
        ...

    def stamp(self) -> Stamp | None:
        """The stamp as it is now; others may have written it."""
        ...

    def seal(self, stamp: Stamp) -> None:
        """Keep this stamp; whatever was added and removed before is there for every reader when it is."""
        ...

    def lacks(self) -> bool:
        """Whether fewer rows are there than are held."""
        ...

    def listed(self, last: int) -> Ids:
        """The ids of all rows up to ``last``, ascending."""
        ...

    def remove(self, ids: Ids) -> None:
        """Let go of the rows of these ids, held or not."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resumption:
    """Where to go on: the segments whose rows are there already, as of ``sequence``."""

    columns: Columns
    sequence: int


@final
class Kept:
    """The ties between one store and the rows kept for it."""

    def __init__(self, index: Lasting, folder: Path, bias: ItemBias | None) -> None:
        self._index = index
        self._folder = folder
        self._bias = bias
        self._origin: str | None = None
        self._epoch = ""
        self._disturbances = 0
        self._losses = 0
        self._resumed = False
        self._lacking = False

    def ahead(self, connection: sqlite3.Connection) -> bool:
        """Whether the rows show, or are being brought to, a later state than ``connection`` sees."""
        stamp = self._ours(connection)
        return stamp is not None and max(stamp.sequence, stamp.changing) > number(connection, "sequence")

    def resumed(self, connection: sqlite3.Connection) -> Resumption:
        """What the rows show already; of rows that cannot be trusted nothing, after throwing them away."""
        stamp = self._ours(connection)
        if stamp is not None and not self._lacking and self._agrees(connection, stamp):
            columns = columns_until(connection, stamp.tail[0][0] if stamp.tail else 0, self._folder)
            horizon = number(connection, "horizon")
            if stamp.sequence >= horizon or self._reconciled(connection, stamp, columns.ids):
                self._epoch = stamp.epoch
                self._index.resume(columns.ids)
                self._resumed = True
                return Resumption(columns=columns, sequence=stamp.sequence)
        self._epoch, self._lacking = secrets.token_hex(8), False
        sequence = number(connection, "sequence")
        fresh = Stamp(origin=self._origin_of(connection), epoch=self._epoch, sequence=-1, changing=sequence)
        self._index.restart(fresh)
        return Resumption(columns=Columns.joined([]), sequence=-1)

    def announce(self, connection: sqlite3.Connection, known: int) -> None:
        """Before rows change: say so, if some are to go, and see whether another reader has done it all already."""
        target, stamp = number(connection, "sequence"), self._ours(connection)
        mine = stamp is not None and stamp.epoch == self._epoch
        self._index.only_hold(others=mine and stamp is not None and stamp.sequence == stamp.changing == target)
        if mine and stamp is not None and stamp.changing < target and len(self._removals(connection, known)):
            self._index.seal(replace(stamp, changing=target))

    def seal(self, connection: sqlite3.Connection) -> bool:
        """After rows have changed: stamp them, unless they are no longer ours; whether they were."""
        self._index.only_hold(others=False)
        stamp, target = self._ours(connection), number(connection, "sequence")
        if stamp is None or stamp.epoch != self._epoch:
            self._lose()
            return False
        if self._resumed and self._index.lacks():
            self._lacking = True  # rows were lost: the next time all are brought there again
            self._lose()
            return False
        self._resumed = False
        if stamp.sequence < target:
            tail = _tail(connection)
            changing = max(stamp.changing, target)
            self._index.seal(replace(stamp, sequence=target, changing=changing, tail=tail))
        return True

    def undisturbed(self, sequence: int | None) -> bool | None:
        """Whether nobody removed rows of this state while it was searched; None where the rows were begun anew.

        Raises:
            StoreError: the rows are begun anew by others again and again.
        """
        stamp = self._index.stamp()
        if stamp is None or stamp.epoch != self._epoch:
            self._lose()
            return None
        self._losses = 0
        if sequence is not None and stamp.changing <= sequence:
            self._disturbances = 0
            return True
        self._disturbances = (self._disturbances + 1) % MOST_DISTURBANCES
        # Where changes come faster than searches end, an answer may at last lack what others have just removed.
        return self._disturbances == 0

    def close(self) -> None:
        """Let go of connections."""
        self._index.close()

    def _lose(self) -> None:
        """Count how often rows were begun anew by others, or lost, since they were last found as they were left."""
        self._losses += 1
        if self._losses > MOST_LOSSES:
            self._losses = 0
            raise StoreError(
                f"The networked index of the store '{self._folder}' is rebuilt or emptied again and again.",
                fix="A copy of a store needs rows of its own: set index.collection to another name for one of them.",
            )

    def _ours(self, connection: sqlite3.Connection) -> Stamp | None:
        """The stamp, if the rows were made from the same space and bias."""
        if self._origin is None:
            self._index.attach(_identity(connection, self._folder))
        stamp = self._index.stamp()
        return stamp if stamp is not None and stamp.origin == self._origin_of(connection) else None

    def _origin_of(self, connection: sqlite3.Connection) -> str:
        if self._origin is None:
            self._origin = _origin(read_space(connection, self._folder), self._bias)
        return self._origin

    def _agrees(self, connection: sqlite3.Connection, stamp: Stamp) -> bool:
        """Whether the database may be a later state of what the stamp saw, and knows what was removed since."""
        if max(stamp.sequence, stamp.changing) > number(connection, "sequence"):
            return False
        known = stamp.sequence >= number(connection, "horizon")
        gone = set(self._removals(connection, stamp.sequence).tolist())
        found = [(_checksum(connection, segment), crc) for segment, crc in stamp.tail if segment not in gone]
        if known:
            return all(here == there for here, there in found)
        return any(here == there for here, there in found) and all(here in (None, there) for here, there in found)

    def _reconciled(self, connection: sqlite3.Connection, stamp: Stamp, ids: Ids) -> bool:
        """Remove the rows whose removal the database has forgotten; False where rows are lacking."""
        there = self._index.listed(stamp.tail[0][0])
        if len(np.setdiff1d(ids, there)):
            return False
        surplus = np.setdiff1d(there, ids)
        if len(surplus):
            self._index.seal(replace(stamp, changing=number(connection, "sequence")))
            self._index.remove(surplus)
        return True

    def _removals(self, connection: sqlite3.Connection, sequence: int) -> Ids:
        return removals_since(connection, sequence, self._folder)


def _identity(connection: sqlite3.Connection, folder: Path) -> str:
    """What tells this store from others, in hexadecimal digits; a store of old, which has none, is its path."""
    kept = about(connection, "identity")
    return str(kept) if kept is not None else blake2b(str(folder.absolute()).encode("utf-8"), digest_size=8).hexdigest()


def _origin(space: Space, bias: ItemBias | None) -> str:
    """All that decides what a row holds, in one word; a bias is known by what it makes of a few fixed vectors."""
    digest = blake2b(f"{space.fingerprint} {space.dimension} {bias is not None}".encode(), digest_size=16)
    if bias is not None:
        probes = np.eye(min(PROBES, space.dimension), space.dimension, dtype=np.float32)
        for tower in space.towers:
            digest.update(np.round(bias(tower, probes).astype(np.float64), 4).tobytes())
    return digest.hexdigest()


def _tail(connection: sqlite3.Connection) -> tuple[tuple[int, int], ...]:
    rows = connection.execute("SELECT id, crc FROM segments ORDER BY id DESC LIMIT ?", (TAIL_SEGMENTS,))
    return tuple((int(segment), int(crc)) for segment, crc in rows)


def _checksum(connection: sqlite3.Connection, segment: int) -> int | None:
    row = connection.execute("SELECT crc FROM segments WHERE id = ?", (segment,)).fetchone()
    return None if row is None else int(row[0])
