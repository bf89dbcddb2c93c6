"""Keys as rows of SQLite, and back."""

import sqlite3
from dataclasses import dataclass
from typing import Any, Final, final

from commonspace.serve.access import Key, Scope
from commonspace.serve.groups import Rates

__all__ = ["SCHEMA", "Held", "insert", "read_all", "read_one"]

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, tenant TEXT NOT NULL, scopes TEXT NOT NULL,
    created REAL NOT NULL, expires REAL, revoked REAL, last_used REAL, replaces TEXT, line TEXT NOT NULL,
    compute_milliseconds REAL, burst_seconds REAL, digest BLOB NOT NULL
) STRICT
"""
SELECT: Final = """
SELECT id, name, tenant, scopes, created, expires, revoked, last_used, replaces, line,
       compute_milliseconds, burst_seconds, digest
FROM keys
"""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A key with the hash that stands for its secret."""

    key: Key
    digest: bytes


def read_one(database: sqlite3.Connection, key_id: str) -> Held | None:
    """The key of an id, if there is one."""
    row = database.execute(f"{SELECT} WHERE id = ?", (key_id,)).fetchone()
    return row and _held(row)


def read_all(database: sqlite3.Connection) -> list[Held]:
    """Every key, oldest first."""
    return [_held(row) for row in database.execute(f"{SELECT} ORDER BY created, id")]


def insert(database: sqlite3.Connection, key: Key, digest: bytes) -> None:
    """Write a key down."""
    rates = (None, None) if key.rates is None else (key.rates.compute_milliseconds, key.rates.burst_seconds)
    row = (
        key.id,
        key.name,
        key.tenant,
        " ".join(sorted(key.scopes)),
        key.created,
        key.expires,
        key.revoked,
        key.last_used,
        key.replaces,
        key.line,
        *rates,
        digest,
    )
    database.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def _held(row: tuple[Any, ...]) -> Held:
    rates = None if row[10] is None else Rates(compute_milliseconds=row[10], burst_seconds=row[11])
    key = Key(
        id=row[0],
        name=row[1],
        tenant=row[2],
        scopes=frozenset(map(Scope, row[3].split())),
        created=row[4],
        expires=row[5],
        revoked=row[6],
        last_used=row[7],
        replaces=row[8],
        line=row[9],
        rates=rates,
    )
    return Held(key=key, digest=row[12])
