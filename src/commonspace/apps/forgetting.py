"""Items leave a store by what a person calls them: an id, a uri, a file, a folder."""

from collections.abc import Sequence
from pathlib import Path

from commonspace.apps.paths import under_uri
from commonspace.index.store import Store
from commonspace.ingest.source import file_uri

__all__ = ["forget", "forget_gone"]


def forget(store: Store, target: str | Path) -> int:
    """Remove an item by id or uri, a file, or everything below a folder; returns how many items went."""
    name = str(target)
    for item in (store.get(name), store.find(name), store.find(file_uri(Path(name).expanduser()))):
        if item is not None:
            return store.remove([item.id])
    return store.remove([item.id for item in store.items(under=under_uri(name)) if item.parent is None])


def forget_gone(store: Store, gone: Sequence[Path]) -> int:
    """Remove files that are gone, and everything below folders that are; returns how many items went."""
    ids: list[str] = []
    for path in gone:
        uri = file_uri(path)
        known = store.find(uri)
        ids += [] if known is None else [known.id]
        ids += [item.id for item in store.items(under=uri.rstrip("/") + "/") if item.parent is None]
    return store.remove(ids) if ids else 0
