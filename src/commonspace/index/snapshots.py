"""When a snapshot is written, and what the database then remembers and forgets."""

import logging
import secrets
from pathlib import Path
from threading import Lock
from typing import final

from commonspace.core.errors import CommonspaceError
from commonspace.index import reading, writing
from commonspace.index.database import Database
from commonspace.index.hit_file import hit_file_path, write_hit_file
from commonspace.index.schema import number, set_about
from commonspace.index.snapshot import mark_of, mark_text, snapshot_path, write_snapshot

__all__ = ["CHANGES_WORTH_A_SNAPSHOT", "Snapshots"]

CHANGES_WORTH_A_SNAPSHOT = 20_000

_log = logging.getLogger(__name__)


@final
class Snapshots:
    """The snapshots of one store, by its writer."""

    def __init__(self, database: Database, path: Path, dimension: int) -> None:
        self._database = database
        self._path = path
        self._dimension = dimension
        self._lock = Lock()

    def write(self) -> None:
        """Write one, unless the one that is there shows the store as it is now.

        Raises:
            StoreError: the disk is full or refuses.
        """
        with self._lock:
            with self._database.reading() as connection:
                mark = mark_of(connection)
                files = (snapshot_path(self._path), hit_file_path(self._path))
                if mark and mark.sequence == number(connection, "sequence") and all(file.exists() for file in files):
                    return
            with self._database.reading() as connection:
                mark = write_snapshot(connection, self._path, secrets.token_hex(16), self._dimension)
                write_hit_file(connection, self._path, mark)
            with self._database.writing() as connection:
                set_about(connection, "snapshot", mark_text(mark))
                writing.prune_removals(connection, mark.sequence)

    def write_if_worthwhile(self) -> None:
        """Write one if much has changed; if it cannot be written, the store is as sound without."""
        try:
            with self._database.reading() as connection:
                worthwhile = reading.changes_since(connection, mark_of(connection)) >= CHANGES_WORTH_A_SNAPSHOT
            if worthwhile:
                self.write()
        except CommonspaceError as error:
            _log.warning("No snapshot was written on closing: %s", error)
