"""Jobs as rows of a SQLite file: what was acknowledged is there after a crash."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Final, final

import orjson

from commonspace.core.errors import Conflict, Overloaded
from commonspace.serve.job import Job, JobState, Order

__all__ = ["JobTable"]

KEPT_SECONDS: Final = 7 * 86_400.0
KEPT_JOBS: Final = 1000
WAITING_JOBS: Final = 100
INTERRUPTIONS: Final = 5

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    store TEXT NOT NULL,
    request TEXT NOT NULL,
    digest TEXT NOT NULL,
    idempotency TEXT,
    state TEXT NOT NULL DEFAULT 'queued',
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER,
    current TEXT NOT NULL DEFAULT '',
    num_failed INTEGER NOT NULL DEFAULT 0,
    failures TEXT NOT NULL DEFAULT '[]',
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    result TEXT,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    interruptions INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    cancelling INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, idempotency)
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, tenant, store);
"""
_COLUMNS = """number, id, tenant, kind, store, request, state, done, total, current, num_failed, failures, created,
started, ended, result, error, attempts"""
_NEXT = f"""
SELECT {_COLUMNS} FROM jobs AS j WHERE state = 'queued' AND not_before <= ? AND NOT EXISTS (
    SELECT 1 FROM jobs AS r WHERE r.state = 'running' AND r.tenant = j.tenant AND r.store = j.store
) ORDER BY (SELECT max(started) FROM jobs AS r WHERE r.tenant = j.tenant), number LIMIT 1
"""  # noqa: S608  # the columns are ours
_OLD = """
DELETE FROM jobs WHERE number IN (SELECT number FROM (
    SELECT number, ended, row_number() OVER (PARTITION BY tenant ORDER BY number DESC) AS place
    FROM jobs WHERE state IN ('done', 'failed', 'cancelled')
) WHERE place > ? OR ended < ?)
"""
_JSON = frozenset({"request", "failures", "result", "error"})


@final
class JobTable:
    """Every method is one transaction, from any thread."""

    def __init__(self, path: Path) -> None:
        self._lock = RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        path.chmod(0o600)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "trusted_schema = OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def add(self, order: Order, now: float) -> Job:
        """Queue an order; the job it became already if it was given before.

        Raises:
            Conflict: its idempotency key was used for another order.
            Overloaded: as many jobs of this tenant wait as may.
        """
        with self._writing() as connection:
            known = self._first("tenant = ? AND idempotency = ?", order.tenant, order.idempotency)
            if known is not None:
                (digest,) = connection.execute("SELECT digest FROM jobs WHERE id = ?", (known.id,)).fetchone()
                if digest != order.digest():
                    raise Conflict(
                        "This Idempotency-Key was used for another request.", fix="Use a new key for each new request."
                    )
                return known
            waiting = "SELECT count(*) FROM jobs WHERE tenant = ? AND state IN ('queued', 'running')"
            if connection.execute(waiting, (order.tenant,)).fetchone()[0] >= WAITING_JOBS:
                raise Overloaded(
                    f"{WAITING_JOBS} jobs wait already.", fix="Come back when some are done.", retry_after_seconds=30.0
                )
            fields = {
                "id": order.id,
                "tenant": order.tenant,
                "kind": order.kind,
                "store": order.store,
                "request": _json(order.request),
                "digest": order.digest(),
                "idempotency": order.idempotency,
                "created": now,
            }
            places = ", ".join(f":{name}" for name in fields)
            connection.execute(f"INSERT INTO jobs ({', '.join(fields)}) VALUES ({places})", fields)  # noqa: S608  ours
            return self.one(order.id)

    def one(self, id: str) -> Job:  # noqa: A002  # the field's name
        """A job that is there."""
        with self._lock:
            row = self._connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (id,)).fetchone()  # noqa: S608
            return _job(row)

    def find(self, tenant: str, id: str) -> Job | None:  # noqa: A002  # the field's name
        """The tenant's job of this id."""
        return self._first("tenant = ? AND id = ?", tenant, id)

    def page(self, tenant: str, state: JobState | None, before: int, limit: int) -> list[Job]:
        """The tenant's jobs, newest first, from below number ``before`` on."""
        query = f"SELECT {_COLUMNS} FROM jobs WHERE tenant = ? AND number < ?"  # noqa: S608  # the columns are ours
        wanted = "" if state is None else " AND state = ?"
        values = [tenant, before, *([] if state is None else [state.value]), limit]
        with self._lock:
            rows = self._connection.execute(f"{query}{wanted} ORDER BY number DESC LIMIT ?", values).fetchall()
        return [_job(row) for row in rows]

    def open_jobs(self, tenant: str, store: str) -> list[Job]:
        """What is queued or running for a store."""
        query = f"SELECT {_COLUMNS} FROM jobs WHERE state IN ('queued', 'running') AND tenant = ? AND store = ?"  # noqa: S608
        with self._lock:
            return [_job(row) for row in self._connection.execute(query, (tenant, store)).fetchall()]

    def waiting_ids(self) -> set[str]:
        """The ids of what is queued or running."""
        with self._lock:
            rows = self._connection.execute("SELECT id FROM jobs WHERE state IN ('queued', 'running')").fetchall()
        return {row[0] for row in rows}

    def claim(self, now: float) -> Job | None:
        """Begin the next job: of the tenant who waited longest, and never two of one store at a time."""
        with self._writing() as connection:
            row = connection.execute(_NEXT, (now,)).fetchone()
            if row is None:
                return None
            change = "UPDATE jobs SET state = 'running', started = ?, attempts = attempts + 1 WHERE id = ?"
            connection.execute(change, (now, row["id"]))
            return self.one(row["id"])

    def next_start(self) -> float | None:
        """When the first of the jobs that are put off may begin; None if none is."""
        with self._lock:
            (start,) = self._connection.execute(
                "SELECT min(not_before) FROM jobs WHERE state = 'queued' AND not_before > 0"
            ).fetchone()
        return None if start is None else float(start)

    def change(self, id: str, **fields: object) -> None:  # noqa: A002  # the field's name
        """Set some columns of a job."""
        given = {name: _json(value) if name in _JSON and value is not None else value for name, value in fields.items()}
        settings = ", ".join(f"{name} = :{name}" for name in given)
        with self._writing() as connection:
            connection.execute(f"UPDATE jobs SET {settings} WHERE id = :id", {**given, "id": id})  # noqa: S608  ours

    def recover(self, now: float) -> None:
        """Queue again what a process was at when it ended; give up what was interrupted again and again."""
        gave_up = {
            "code": "interrupted",
            "cause": f"The service ended {INTERRUPTIONS} times while it was at this.",
            "fix": "What was done is kept. Leave out what the service may have died of, and ask again.",
        }
        with self._writing() as connection:
            connection.execute("UPDATE jobs SET interruptions = interruptions + 1 WHERE state = 'running'")
            ended = "UPDATE jobs SET state = 'cancelled', ended = ? WHERE state = 'running' AND cancelling"
            connection.execute(ended, (now,))
            ended = (
                "UPDATE jobs SET state = 'failed', ended = ?, error = ? WHERE state = 'running' AND interruptions >= ?"
            )
            connection.execute(ended, (now, _json(gave_up), INTERRUPTIONS))
            connection.execute("UPDATE jobs SET state = 'queued' WHERE state = 'running'")

    def prune(self, now: float) -> None:
        """Forget finished jobs: those of a week ago, and those beyond a tenant's latest thousand."""
        with self._writing() as connection:
            connection.execute(_OLD, (KEPT_JOBS, now - KEPT_SECONDS))

    def _first(self, condition: str, *values: object) -> Job | None:
        with self._lock:
            query = f"SELECT {_COLUMNS} FROM jobs WHERE {condition}"  # noqa: S608  # both are ours
            row = self._connection.execute(query, values).fetchone()
        return None if row is None else _job(row)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _job(row: sqlite3.Row) -> Job:
    fields: Mapping[str, Any] = {
        name: orjson.loads(row[name]) if name in _JSON and row[name] is not None else row[name]
        for name in row.keys()  # noqa: SIM118  # a Row iterates its values
    }
    return Job(**{**fields, "state": JobState(fields["state"]), "failures": tuple(fields["failures"])})
