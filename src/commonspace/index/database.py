"""Connections to the store's SQLite database: many readers, one writer, whole transactions only."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import final
from urllib.parse import quote

from commonspace.core.errors import StoreError
from commonspace.index.faults import reported
from commonspace.index.schema import DATABASE_NAME
from commonspace.index.sql_functions import add_functions

__all__ = ["Database"]

BUSY_TIMEOUT_SECONDS = 30.0

_PRAGMAS = ("foreign_keys = ON", "synchronous = FULL", "fullfsync = ON", "trusted_schema = OFF")
_WRITER_CACHE = "cache_size = -32768"  # KiB
_READER_CACHE = "cache_size = -16384"  # the rows of hits lie far apart


@final
class Database:
    """A pool of reading connections and, if ``writable``, one that writes.

    Every transaction takes a connection that no other thread uses meanwhile, so a database may be
    shared between threads. Durable on return: write-ahead log with synchronous=FULL.
    """

    def __init__(self, folder: Path, *, writable: bool) -> None:
        self._folder = folder
        self._writable = writable
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = Lock()
        self._write_lock = Lock()
        self._closed = False
        with reported(folder):
            self._writer = _connect(folder, writable=True) if writable else None

    @property
    def writable(self) -> bool:
        """Whether this was opened for writing."""
        return self._writable

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """One consistent view of the store, whatever is written meanwhile."""
        return _Reading(self._folder, self._take_reader, self._give_reader)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed and on disk when this returns, or as if it never began."""
        if self._writer is None:
            raise StoreError(
                f"The store '{self._folder}' was opened for reading only.",
                fix="Open it with writable=True.",
            )
        with self._write_lock, reported(self._folder):
            self._check_open()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                _roll_back(self._writer)

    def close(self) -> None:
        """Close every connection; the last one to go folds the write-ahead log into the database."""
        with self._write_lock, self._idle_lock, reported(self._folder):
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()
            if self._writer is not None:
                self._writer.close()

    def _take_reader(self) -> sqlite3.Connection:
        with self._idle_lock:
            self._check_open()
            if self._idle:
                return self._idle.pop()
        return _connect(self._folder, writable=False)

    def _give_reader(self, connection: sqlite3.Connection) -> None:
        with self._idle_lock:
            if not self._closed and not connection.in_transaction:
                self._idle.append(connection)
                return
        connection.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"The store '{self._folder}' has been closed.", fix="Open it again.")


@final
class _Reading:
    """A transaction that only reads, on a connection taken from a pool and given back to it."""

    __slots__ = ("_connection", "_give", "_reported", "_take")

    def __init__(
        self, folder: Path, take: Callable[[], sqlite3.Connection], give: Callable[[sqlite3.Connection], None]
    ) -> None:
        self._take = take
        self._give = give
        self._reported = reported(folder)

    def __enter__(self) -> sqlite3.Connection:
        with self._reported:
            self._connection = self._take()
            try:
                self._connection.execute("BEGIN")
            except BaseException:
                self._give(self._connection)
                raise
            return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._reported:
            try:
                if error is None:
                    self._connection.execute("ROLLBACK")
            finally:
                self._give(self._connection)
        self._reported.__exit__(kind, error, trace)


def _roll_back(connection: sqlite3.Connection) -> None:
    """Leave no transaction open; after a commit there is none."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _connect(folder: Path, *, writable: bool) -> sqlite3.Connection:
    path = folder / DATABASE_NAME
    mode = "mode=rw" if writable else _reading_mode(folder)
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in (*_PRAGMAS, *((_WRITER_CACHE,) if writable else (_READER_CACHE, "query_only = ON"))):
            connection.execute(f"PRAGMA {pragma}")
        add_functions(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _reading_mode(folder: Path) -> str:
    """Reading a write-ahead log needs a writable folder; without one, a finished store is immutable."""
    effective = os.access in os.supports_effective_ids
    if os.access(folder, os.W_OK, effective_ids=effective) or (folder / f"{DATABASE_NAME}-wal").exists():
        return "mode=rw"
    return "mode=ro&immutable=1"
