"""Where a store and the disk differ, by name, size and time alone: cheap, and enough to know what to look at again."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final
from urllib.parse import unquote_to_bytes, urlsplit

from commonspace.index.store import Store
from commonspace.ingest.finding import find_sources
from commonspace.ingest.source import ItemFailure, file_uri

__all__ = ["Stamp", "drifted", "path_of", "stamp_of"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A file's size and its time of change."""

    num_bytes: int
    modified_ns: int | None


def stamp_of(path: Path) -> Stamp | None:
    """How a path looks now; None if there is nothing, or nothing that may be looked at."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return Stamp(num_bytes=status.st_size, modified_ns=status.st_mtime_ns)


def drifted(store: Store, folders: Sequence[Path], wanted: Callable[[Path], bool]) -> set[Path]:
    """Files below the folders that the store lacks, or holds otherwise, or holds although they are gone.

    A folder that is gone or cannot be read has not drifted: what the store knows of it may come back. Memory grows with
    the number of items below the folders.
    """
    known: dict[str, Stamp] = {}
    for folder in folders:
        for item in store.items(under=file_uri(folder).rstrip("/") + "/"):
            if item.parent is None:
                known[item.uri] = Stamp(num_bytes=item.num_bytes, modified_ns=item.modified_ns)
    changed: set[Path] = set()
    unreadable: list[str] = []
    for found in find_sources(folders):
        before = known.pop(found.uri, None)
        if isinstance(found, ItemFailure):
            unreadable.append(found.uri.rstrip("/") + "/")
        elif isinstance(found.origin, Path) and wanted(found.origin) and stamp_of(found.origin) != before:
            changed.add(found.origin)
    gone = (path_of(uri) for uri in known if not uri.startswith(tuple(unreadable)))
    return changed | {path for path in gone if wanted(path)}


def path_of(uri: str) -> Path:
    """The path of a file's uri, undecodable names included."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))
