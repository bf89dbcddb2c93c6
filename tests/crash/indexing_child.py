"""Indexes a folder with the fake space and says what was acknowledged; made to be killed.

Usage: ``python -m tests.crash.indexing_child STORE FOLDER``. Each line on standard output is one acknowledged
change: ``+ <uri> <content hash>`` after a put has returned, ``- <id>`` after a remove has, ``done`` at the end.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from commonspace.apps.indexing import Indexing
from commonspace.core.errors import StoreNotFound
from commonspace.index.records import Entry
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from tests.fakes import FAKE_SPACE, fake_embedder


class AcknowledgingStore:
    """The real store; a line is written after each change has returned, and never before."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self._store.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, entries: Sequence[Entry]) -> None:
        self._store.put(entries)
        sys.stdout.write("".join(f"+ {entry.item.uri} {entry.item.content_hash}\n" for entry in entries))
        sys.stdout.flush()

    def remove(self, ids: Sequence[str]) -> int:
        removed = self._store.remove(ids)
        sys.stdout.write("".join(f"- {gone}\n" for gone in ids))
        sys.stdout.flush()
        return removed


def open_for_writing(path: Path) -> Any:
    """The store at ``path``, made if there is none."""
    try:
        store = Store.open(path, space=FAKE_SPACE)
    except StoreNotFound:
        store = Store.create(path, FAKE_SPACE)
    return AcknowledgingStore(store)


def main(path: Path, folder: Path) -> None:
    """Index ``folder`` into the store at ``path``."""
    with open_for_writing(path) as store, WorkerPool(workers=1) as pool:
        Indexing(store, fake_embedder(), pool).run([folder])
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
