"""The format of the database: its tables, its version, and the space it was made for.

``items`` and ``segments`` are the truth, vectors included. ``words`` is the full text over the view
``passages``: every segment's text, and an item's name once, with its first segment. ``removals`` lists
segments that are gone, so that a reader may replay them; ``about`` holds what there is one of.
"""

import json
import secrets
import sqlite3
from pathlib import Path

from commonspace.core.errors import CorruptStore, StoreError
from commonspace.core.modality import Modality
from commonspace.core.space import Space

__all__ = [
    "DATABASE_NAME",
    "FIX_CORRUPT",
    "FORMAT_VERSION",
    "about",
    "check_format",
    "create_schema",
    "number",
    "read_space",
    "set_about",
]

DATABASE_NAME = "store.sqlite3"
APPLICATION_ID = 0x43535043
FORMAT_VERSION = 1
PAGE_BYTES = 8192
FIX_CORRUPT = "Restore the folder from a backup, or delete it and index the media again."

_TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE items (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    uri TEXT NOT NULL UNIQUE,
    name NOT NULL,
    modality TEXT NOT NULL,
    media_type TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    num_bytes INTEGER NOT NULL,
    modified_ns INTEGER,
    parent TEXT REFERENCES items (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    notes TEXT NOT NULL,
    metadata TEXT NOT NULL
);
CREATE INDEX items_by_content ON items (content_hash);
CREATE INDEX items_by_modality ON items (modality);
CREATE INDEX items_by_parent ON items (parent) WHERE parent IS NOT NULL;
CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item INTEGER NOT NULL REFERENCES items (row) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    modality TEXT NOT NULL,
    span TEXT,
    text,
    crc INTEGER NOT NULL,
    vector BLOB NOT NULL
);
CREATE UNIQUE INDEX segments_by_item ON segments (item, position);
CREATE TABLE removals (segment INTEGER PRIMARY KEY, sequence INTEGER NOT NULL);
CREATE INDEX removals_by_sequence ON removals (sequence);
CREATE VIEW passages AS
    SELECT s.id AS id, s.item AS item, CASE s.position WHEN 0 THEN i.name END AS name, s.text AS text
    FROM segments AS s JOIN items AS i ON i.row = s.item
    WHERE s.position = 0 OR s.text IS NOT NULL;
CREATE VIRTUAL TABLE words USING fts5 (
    name, text, content = 'passages', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
"""


def create_schema(connection: sqlite3.Connection, space: Space) -> None:
    """Make the tables of an empty store for ``space``, in one transaction."""
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    script = f"BEGIN; {_TABLES} PRAGMA user_version = {FORMAT_VERSION}; COMMIT;"
    connection.executescript(script)
    for key, value in (
        ("space", _space_json(space)),
        ("identity", secrets.token_hex(8)),
        ("sequence", 0),
        ("horizon", 0),
    ):
        set_about(connection, key, value)


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    """Check that the database is a store, of a version this program can read.

    Raises:
        CorruptStore: it is not a store's database.
        StoreError: a newer version of commonspace made it.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID or version < 1:
        raise CorruptStore(
            f"'{path / DATABASE_NAME}' is a database, but not of a commonspace store "
            f"(application id {application_id:#x}, version {version}).",
            fix="Check the path; if this was a store, restore it from a backup or index the media again.",
        )
    if version > FORMAT_VERSION:
        raise StoreError(
            f"The store '{path}' has format {version}; this version of commonspace reads up to {FORMAT_VERSION}.",
            fix="Upgrade: pip install --upgrade commonspace.",
        )


def about(connection: sqlite3.Connection, key: str) -> str | int | None:
    """One of the facts that a store has one of: space, identity, sequence, horizon, snapshot."""
    row = connection.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def number(connection: sqlite3.Connection, key: str) -> int:
    """A fact that is a whole number: sequence, horizon.

    Raises:
        CorruptStore: it is missing or is none.
    """
    value = about(connection, key)
    if not isinstance(value, int):
        raise CorruptStore(f"The store's {key} is {value!r}, not a number.", fix=FIX_CORRUPT)
    return value


def set_about(connection: sqlite3.Connection, key: str, value: str | int) -> None:
    """Remember one fact, in the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO about (key, value) VALUES (?, ?)", (key, value))


def read_space(connection: sqlite3.Connection, path: Path) -> Space:
    """The space whose vectors the store holds.

    Raises:
        CorruptStore: it is missing or unreadable.
    """
    text = about(connection, "space")
    try:
        record = json.loads(str(text))
        return Space(
            name=record["name"],
            dimension=int(record["dimension"]),
            towers=tuple(Modality(name) for name in record["towers"]),
            composed=tuple(Modality(name) for name in record["composed"]),
            fingerprint=record["fingerprint"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptStore(
            f"The store '{path}' does not say which space it was made for ({text!r}).",
            fix=FIX_CORRUPT,
        ) from error


def _space_json(space: Space) -> str:
    record = {
        "name": space.name,
        "dimension": space.dimension,
        "towers": list(space.towers),
        "composed": list(space.composed),
        "fingerprint": space.fingerprint,
    }
    return json.dumps(record)
