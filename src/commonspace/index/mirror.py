"""One resident index for many threads: searches that meet go together, catching up goes alone.

An index that takes long to make is made beside the one that answers, in a thread that gives way to others.
"""

import itertools
import logging
import os
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from typing import Final, final

import numpy as np

from commonspace.core.errors import CommonspaceError
from commonspace.index.bias import ItemBias
from commonspace.index.coalesce import Coalescer
from commonspace.index.database import Database
from commonspace.index.gate import Gate
from commonspace.index.recent_hits import RecentHits
from commonspace.index.records import SegmentHit
from commonspace.index.refined import RefinedIndex
from commonspace.index.resident import MakeIndex, Resident
from commonspace.index.schema import number
from commonspace.index.sought import Answers, Sought

__all__ = ["Mirror"]

TRIES_BEFORE_GOING_BACK: Final = 3
MOST_QUERIES_TOGETHER: Final = 256
"""A search of more queries than this is a batch by itself, and goes beside the others."""
MAKING_NICENESS: Final = 10

_log = logging.getLogger(__name__)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """What one thread wants of the state that its transaction sees; it waits, so another may use its connection."""

    sought: Sought
    sequence: int
    connection: sqlite3.Connection


@final
class Mirror:
    """Shows each thread the vectors of exactly the state that its own transaction sees.

    With ``make_index`` None the store's own choice of index is used, or the one that its size suggests.
    """

    def __init__(self, folder: Path, dimension: int, make_index: MakeIndex | None, bias: ItemBias | None) -> None:
        self._recent = RecentHits(folder)
        self._gate = Gate()
        self._folder = folder
        self._made = partial(Resident, folder, dimension, make_index, bias)
        self._resident = self._made()
        self._making = Lock()
        self._closed = False
        self._together: Coalescer[_Asked, Answers | None] = Coalescer(self._answer, self._num_lanes)

    def hits(self, database: Database, sought: Sought) -> list[list[SegmentHit]]:
        """What is sought, with its items, all of one state of the store: the newest when this was called, or newer."""
        for attempt in itertools.count():
            with database.reading() as connection:
                here = number(connection, "sequence")
                answers = self._search(connection, here, sought, may_go_back=attempt >= TRIES_BEFORE_GOING_BACK)
                if answers is not None:
                    if self._resident.is_due and self._making.acquire(blocking=False):
                        Thread(target=self._make_another, args=(database,), daemon=True).start()
                    return [self._recent.of(connection, ranked, here) for ranked in answers]
        raise AssertionError  # itertools.count has no end

    def search(self, connection: sqlite3.Connection, sought: Sought, *, may_go_back: bool) -> Answers | None:
        """Search the state that ``connection`` sees; None where memory has moved on and a new transaction is due.

        A new transaction that still sees an older state is looking at a restored backup: with
        ``may_go_back`` memory follows it there, at the cost of loading everything again.
        """
        return self._search(connection, number(connection, "sequence"), sought, may_go_back=may_go_back)

    def close(self) -> None:
        """Let go of connections, if the index has any; what is being made is not waited for."""
        with self._gate.changing():
            self._closed = True
            self._resident.close()

    def _search(
        self, connection: sqlite3.Connection, here: int, sought: Sought, *, may_go_back: bool
    ) -> Answers | None:
        """As ``search``; ``here`` is the sequence number that ``connection`` sees."""
        self._show(connection, here, may_go_back=may_go_back)
        asked = _Asked(sought=sought, sequence=here, connection=connection)
        if len(sought.queries) > MOST_QUERIES_TOGETHER:
            return self._answer([asked])[0]
        return self._together.ask(asked)

    def _num_lanes(self) -> int:
        """One where a batch costs little more than a query; what looks at each query by itself has a lane a core."""
        return len(os.sched_getaffinity(0)) if isinstance(self._resident.index, RefinedIndex) else 1

    def _answer(self, batch: Sequence[_Asked]) -> list[Answers | None]:
        """Everything in one look; those who want the same but for the queries in one search."""
        answers: list[Answers | None] = [None] * len(batch)
        with self._gate.looking():
            groups = _groups(batch, self._resident.sequence)
            for group in groups:
                sought = _joined([batch[place].sought for place in group])
                found = self._resident.search(batch[group[0]].connection, sought)
                for place in group:
                    count = len(batch[place].sought.queries)
                    answers[place], found = found[:count], found[count:]
            if groups and not self._resident.undisturbed():
                return [None] * len(batch)
        return answers

    def _make_another(self, database: Database) -> None:
        """Make the index that is due, catch up with what came meanwhile, and answer from it from then on.

        Where that fails the old one goes on: it is as right, but slower or larger, and nobody tries again.
        """
        try:
            if sys.platform == "linux":
                os.nice(MAKING_NICENESS)  # this thread's alone; elsewhere the whole process's
            other = self._made(patient=True)
            for _ in range(2):  # once for what there is, once for what came meanwhile
                with database.reading() as connection:
                    other.catch_up(connection)
                other.prepare()
            with database.reading() as connection, self._gate.changing():
                other.catch_up(connection)
                if not self._closed:
                    self._resident = other
                    self._recent.show(connection, number(connection, "sequence"))
            self._making.release()
        except (CommonspaceError, OSError, MemoryError, RuntimeError) as error:
            if not self._closed:
                _log.warning("The index of '%s' was not made anew: %s", self._folder, error)

    def _show(self, connection: sqlite3.Connection, here: int, *, may_go_back: bool) -> None:
        shown = self._resident.sequence  # whoever answers looks again, with the gate held
        if shown == here or (shown is not None and shown > here and not may_go_back):
            return
        with self._gate.changing():
            shown = self._resident.sequence
            if shown is None or shown < here or (shown > here and may_go_back):
                self._resident.catch_up(connection, may_go_back=may_go_back)
                if self._resident.sequence == here:
                    self._recent.show(connection, here)


def _groups(batch: Sequence[_Asked], shown: int | None) -> list[list[int]]:
    """The places of those who want the same of the state that is shown."""
    groups: list[list[int]] = []
    for place, asked in enumerate(batch):
        if asked.sequence != shown:
            continue
        group = next((group for group in groups if _alike(batch[group[0]].sought, asked.sought)), None)
        if group is None:
            groups.append([place])
        else:
            group.append(place)
    return groups


def _alike(one: Sought, other: Sought) -> bool:
    """Whether two searches differ in their queries only."""
    names = [each.name for each in fields(Sought) if each.name != "queries"]
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _joined(parts: Sequence[Sought]) -> Sought:
    """Searches that are alike as one."""
    if len(parts) == 1:
        return parts[0]
    return replace(parts[0], queries=np.concatenate([part.queries for part in parts]))
