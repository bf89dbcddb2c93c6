"""Items that somebody hands in are kept: embedded when their content is new, only renamed when it is not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import final

from commonspace.apps.entries import entries
from commonspace.core.modality import Modality
from commonspace.encode.embedder import Embedder
from commonspace.encode.prepare import Prepared
from commonspace.index.records import Entry, StoredItem, item_id
from commonspace.index.store import Store
from commonspace.ingest.source import ItemFailure, Source

__all__ = ["Kept", "Outcome", "keep"]


@final
class Outcome(StrEnum):
    """What became of an item that was handed in."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One item that is in the store now; ``failures`` are of items inside it that could not be used."""

    id: str
    uri: str
    name: str
    modality: Modality
    outcome: Outcome
    notes: tuple[str, ...]
    failures: tuple[ItemFailure, ...]


def keep(store: Store, embedder: Embedder, items: Sequence[Prepared]) -> list[Kept]:
    """Put prepared items into the store in one change; one answer each, in order.

    Content that the store holds under the same uri is not embedded again. The same item twice counts once.

    Raises:
        UsageError: two items of different content share a uri.
        StoreError: the store cannot be written; nothing was.
    """
    fresh: list[tuple[Source, Prepared]] = []
    renamed: list[Entry] = []
    kept: list[Kept] = []
    seen: dict[str, str] = {}
    for item in items:
        known = store.find(item.uri)
        again = _renamed(store, known, item)
        if seen.get(item.uri) == item.content_hash or (again is not None and again.item == known):
            outcome = Outcome.UNCHANGED
        else:
            outcome = Outcome.ADDED if known is None else Outcome.UPDATED
            if again is None:
                fresh.append((Source(uri=item.uri, name=item.name, origin=b""), item))
            else:
                renamed.append(again)
        seen[item.uri] = item.content_hash
        kept.append(_kept(item, outcome))
    embedded = entries(embedder, fresh) if fresh else []
    store.put([*embedded, *renamed])
    return kept


def _renamed(store: Store, known: StoredItem | None, item: Prepared) -> Entry | None:
    """What the store holds of an item with its name and metadata as they are now; None if it must be embedded.

    An item that others were found in is embedded again when its name changes: they leave with the old one.
    """
    if known is None or known.content_hash != item.content_hash:
        return None
    now = replace(known, name=item.name, metadata=dict(item.metadata), notes=item.notes)
    if now != known and store.num_children(known.id):
        return None
    entry = store.entry(known.id)
    return None if entry is None else replace(entry, item=now)


def _kept(item: Prepared, outcome: Outcome) -> Kept:
    return Kept(
        id=item_id(item.uri),
        uri=item.uri,
        name=item.name,
        modality=item.modality,
        outcome=outcome,
        notes=item.notes,
        failures=item.failures,
    )
