"""A new store's folder appears whole or not at all: it is made beside its place and then renamed."""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from commonspace.core.errors import StoreError, StoreNotFound
from commonspace.core.space import Space
from commonspace.index.faults import reported
from commonspace.index.schema import DATABASE_NAME, create_schema

__all__ = ["create_folder", "find_folder", "has_store"]


def create_folder(path: Path, space: Space) -> None:
    """Make an empty store for ``space`` at ``path``, which is free or an empty folder.

    Raises:
        StoreError: something is there already, or the place cannot be written.
    """
    with reported(path):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise _taken(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name[:64]}.", suffix=".new", dir=path.parent))
        try:
            draft.chmod(0o755)
            connection = sqlite3.connect(draft / DATABASE_NAME, isolation_level=None)
            try:
                create_schema(connection, space)
            finally:
                connection.close()
            draft.rename(path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        _sync(path)
        _sync(path.parent)


def has_store(path: Path) -> bool:
    """Whether ``path`` is a folder with a store's database in it."""
    with reported(path):
        return (path / DATABASE_NAME).is_file()


def find_folder(path: Path) -> None:
    """Check that ``path`` holds a store.

    Raises:
        StoreNotFound: it does not.
    """
    if not has_store(path):
        what = "an ordinary file" if path.is_file() else "a folder without one" if path.is_dir() else "nothing"
        raise StoreNotFound(
            f"There is no store at '{path}': {what} is there.",
            fix="Check the path, or make a store: commonspace index FOLDER --store PATH.",
        )


def _taken(path: Path) -> StoreError:
    if (path / DATABASE_NAME).exists():
        return StoreError(f"There is a store at '{path}' already.", fix="Open it, or choose another path.")
    return StoreError(
        f"'{path}' exists and is not an empty folder.", fix="Choose a path that is free, or empty the folder."
    )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
