"""Rows in PostgreSQL with pgvector 0.8 or later: a table a store, exact by a full look, or HNSW over half precision.

The stamps of all stores are rows of one table, ``commonspace_stamps``. Candidates that HNSW finds in half precision are
scored from the full rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final, final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.index import Ids
from commonspace.index.remote.line import Fault, Line, library, without_password
from commonspace.index.remote.table import Among, Place, Rows

__all__ = ["PostgresTable"]

FEWEST_GRAPH_ROWS: Final = 2_000
EF_SEARCH: Final = 400
FEWEST_CANDIDATES: Final = 50

_TABLE: Final = "CREATE TABLE {table} (id bigint PRIMARY KEY, embedding vector({dimension}) NOT NULL)"
_GRAPH: Final = "CREATE INDEX IF NOT EXISTS {name} ON {table} USING hnsw (({half}) halfvec_ip_ops)"
_TAKE_IN: Final = """
INSERT INTO {table} SELECT id, embedding FROM incoming ORDER BY id
ON CONFLICT (id) DO UPDATE SET embedding = excluded.embedding
"""
_STAMPS: Final = "CREATE TABLE IF NOT EXISTS commonspace_stamps (name text PRIMARY KEY, stamp text NOT NULL)"
_FIND_STAMP: Final = "SELECT stamp FROM commonspace_stamps WHERE name = %s AND to_regclass(%s) IS NOT NULL"
_STAMP: Final = "INSERT INTO commonspace_stamps VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET stamp = excluded.stamp"


@final
class PostgresTable:
    """One table of one database, over as many connections as threads ask at once."""

    def __init__(self, dimension: int, place: Place) -> None:
        self._dimension = dimension
        self._place = place
        self._driver = library("psycopg", "postgres")
        self._pgvector = library("pgvector.psycopg", "postgres")
        self._pgvector_type = library("pgvector", "postgres").Vector
        self._line = Line("PostgreSQL", without_password(place.url), (self._driver.Error,), self._judge, place.secret)
        self._idle: list[Any] = []
        self._lock = Lock()
        self._closed = False
        self._name = ""

    @property
    def exact(self) -> bool:
        """Whether every row is looked at."""
        return self._place.exact

    def attach(self, store: str) -> None:
        """Turn to the rows of one store; the extension and the table of stamps are made if they are missing."""
        self._name = self._place.name_for(store)
        self._line.call(self._prepare)

    def read_stamp(self) -> str | None:
        """The stamp, if the table is there."""
        rows = self._ask(_FIND_STAMP, (self._name, self._name))
        return str(rows[0][0]) if rows else None

    def write_stamp(self, text: str) -> None:
        """Keep a stamp."""
        self._do((_STAMP, (self._name, text)))

    def clear(self, stamp: str) -> None:
        """Make the table anew with its stamp, in one transaction."""
        if self.read_stamp() is None and self._ask("SELECT to_regclass(%s)", (self._name,))[0][0] is not None:
            raise self._line.foreign(self._name)
        self._do(
            (self._sql("DROP TABLE IF EXISTS {table}"), ()),
            (self._sql(_TABLE, dimension=str(self._dimension)), ()),
            (_STAMP, (self._name, stamp)),
        )

    def upsert(self, rows: Rows) -> None:
        """Keep rows, in one transaction."""
        self._line.call(lambda: self._copy(rows))

    def delete(self, ids: Ids) -> None:
        """Let go of rows."""
        self._do((self._sql("DELETE FROM {table} WHERE id = ANY(%s::bigint[])"), (_array(ids),)))

    def nearest(self, query: Vectors, k: int, among: Among) -> Rows:
        """The nearest rows: the database's planner sees the filter, and HNSW goes on until enough pass it."""
        conditions: list[str] = ["id <= %s"]
        values: list[Any] = [among.last]
        for ids, word in ((among.only, "= ANY"), (among.never, "<> ALL")):
            if ids is not None:
                conditions.append(f"id {word}(%s::bigint[])")  # of another type it could not be hashed
                values.append(_array(ids))
        if self._place.exact or among.narrow:
            order, limit = "embedding <#> %s", k
        else:
            half = f"halfvec({self._dimension})"
            order, limit = f"(embedding::{half}) <#> %s::vector::{half}", max(2 * k, FEWEST_CANDIDATES)
        statement = self._sql(
            "SELECT id, embedding FROM {table} WHERE {conditions} ORDER BY {order} LIMIT %s",
            conditions=" AND ".join(conditions),
            order=order,
        )
        return self._rows(statement, (*values, self._pgvector_type(query), limit))

    def fetch(self, ids: Ids) -> Rows:
        """Rows by id."""
        return self._rows(self._sql("SELECT id, embedding FROM {table} WHERE id = ANY(%s::bigint[])"), (_array(ids),))

    def count(self, last: int) -> int:
        """How many rows there are up to ``last``."""
        return int(self._ask(self._sql("SELECT count(*) FROM {table} WHERE id <= %s"), (last,))[0][0])

    def listed(self, last: int) -> Ids:
        """The ids of all rows up to ``last``."""
        rows = self._ask(self._sql("SELECT id FROM {table} WHERE id <= %s"), (last,))
        return np.array(rows, np.int64).reshape(-1)

    def settle(self) -> None:
        """Build the graph once there are rows enough for one; the database keeps it up from then on."""
        name = f"{self._name}_near"
        if self._place.exact or self._ask("SELECT to_regclass(%s)", (name,))[0][0] is not None:
            return
        if self.count(2**62) >= FEWEST_GRAPH_ROWS:
            half = f"embedding::halfvec({self._dimension})"
            self._do(
                ("SET LOCAL statement_timeout = 0", ()),
                (self._sql(_GRAPH, name=name, half=half), ()),
                (self._sql("ANALYZE {table}"), ()),
            )

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _sql(self, template: str, **parts: str) -> Any:
        """A statement about this table; the parts are our own words and numbers, never a user's."""
        sql = self._driver.sql
        named = {name: sql.SQL(part) for name, part in parts.items()}
        return sql.SQL(template).format(table=sql.Identifier(self._name), **named)

    def _ask(self, statement: Any, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        def action() -> list[tuple[Any, ...]]:
            with self._connected() as connection:
                rows: list[tuple[Any, ...]] = connection.execute(statement, values, binary=True).fetchall()
                return rows

        return self._line.call(action)

    def _rows(self, statement: Any, values: tuple[Any, ...]) -> Rows:
        found = self._ask(statement, values)
        return Rows.of([row[0] for row in found], [row[1].to_numpy() for row in found], self._dimension)

    def _do(self, *statements: tuple[Any, tuple[Any, ...]]) -> None:
        """Statements in one transaction."""

        def action() -> None:
            with self._connected() as connection, connection.transaction():
                for statement, values in statements:
                    connection.execute(statement, values)

        self._line.call(action)

    def _copy(self, rows: Rows) -> None:
        with self._connected() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute(self._sql("CREATE TEMPORARY TABLE incoming (LIKE {table}) ON COMMIT DROP"))
            with cursor.copy("COPY incoming (id, embedding) FROM STDIN WITH (FORMAT BINARY)") as copy:
                copy.set_types(["int8", "vector"])
                for name, vector in zip(rows.ids.tolist(), rows.vectors, strict=True):
                    copy.write_row((name, self._pgvector_type(vector)))
            cursor.execute(self._sql(_TAKE_IN))

    def _prepare(self) -> None:
        with self._connected(bare=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute(_STAMPS)

    @contextmanager
    def _connected(self, *, bare: bool = False) -> Iterator[Any]:
        """A connection that no other thread uses; after an error of its own it is not used again."""
        with self._lock:
            connection = self._idle.pop() if self._idle and not bare else None
        connection = connection or self._connect(bare=bare)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if not bare and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self, *, bare: bool) -> Any:
        seconds = self._place.timeout_seconds
        connection = self._driver.connect(
            self._place.url,
            password=self._place.secret,
            autocommit=True,
            connect_timeout=max(2, round(seconds)),
            prepare_threshold=None,  # a plan that does not know the ids of a filter would compare them one by one
        )
        connection.execute(f"SET statement_timeout = {round(1000 * seconds)}")
        connection.execute("SET client_min_messages = error")
        if not bare:
            self._pgvector.register_vector(connection)
            connection.execute(f"SET hnsw.ef_search = {EF_SEARCH}")
            connection.execute("SET hnsw.iterative_scan = strict_order")
        return connection

    def _judge(self, error: BaseException) -> Fault:
        text = str(error)
        state = getattr(error, "sqlstate", None) or ""
        if state.startswith("28") or "authentication failed" in text or "no password supplied" in text:
            return Fault.DENIED
        if "dimensions" in text:
            return Fault.MISSHAPEN
        lost = isinstance(error, self._driver.OperationalError | self._driver.InterfaceError)
        return Fault.UNREACHABLE if lost and state[:2] in {"", "08", "57"} and state != "57014" else Fault.OTHER


def _array(ids: Ids) -> str:
    """Ids as PostgreSQL writes an array, which is a tenth of the work of a list."""
    return "{" + ",".join(map(str, ids.tolist())) + "}"
