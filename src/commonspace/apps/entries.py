"""Prepared items become store entries: embedded, with their children after them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.encode.embedder import Embedder
from commonspace.encode.prepare import Prepared
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id
from commonspace.index.store import Store
from commonspace.ingest.payload import open_payload
from commonspace.ingest.source import Source

__all__ = ["GIVEN", "content_hash_of", "copied", "entries", "modified_ns_of"]

GIVEN = ("upload:", "content:")
"""How the uris begin of items that somebody handed in: under a name of their own, or known by their content alone."""


def entries(embedder: Embedder, batch: Sequence[tuple[Source, Prepared]]) -> list[Entry]:
    """Embed a batch of items and their children: one entry each, a parent before its children."""
    flat: list[tuple[Prepared, str | None, int | None]] = []
    for source, prepared in batch:
        flat.append((prepared, None, modified_ns_of(source)))
        flat += [(child, item_id(prepared.uri), None) for child in prepared.children]
    vectors = embedder.encode([piece for prepared, _, _ in flat for piece in prepared.pieces])
    ends = np.cumsum([len(prepared.pieces) for prepared, _, _ in flat])
    rows = np.split(vectors, ends[:-1])
    return [
        _entry(prepared, parent, modified_ns, own)
        for (prepared, parent, modified_ns), own in zip(flat, rows, strict=True)
    ]


def copied(store: Store, source: Source, content_hash: str) -> Entry | None:
    """The entry of equal content stored under another uri, as this source's own; None if there is none.

    Items with children are embedded afresh: their children's uris hang on the parent's. So is what was handed in
    under a name of its own: what its owner says of it is not true of a file.
    """
    twin = store.find_content(content_hash)
    if twin is None or twin.uri.startswith(GIVEN) or twin.parent is not None or store.children(twin.id):
        return None
    entry = store.entry(twin.id)
    if entry is None:
        return None
    item = replace(twin, id=item_id(source.uri), uri=source.uri, name=source.name, modified_ns=modified_ns_of(source))
    return replace(entry, item=item)


def content_hash_of(source: Source) -> str:
    """BLAKE3 of the source's bytes, read in chunks.

    Raises:
        ItemError: the bytes cannot be read, or there are none.
    """
    origin = source.origin.encode() if isinstance(source.origin, str) else source.origin
    with open_payload(origin) as payload:
        return payload.content_hash()


def modified_ns_of(source: Source) -> int | None:
    """When the file changed last; None for what is no file or is gone by now."""
    try:
        return source.origin.stat().st_mtime_ns if isinstance(source.origin, Path) else None
    except OSError:
        return None


def _entry(prepared: Prepared, parent: str | None, modified_ns: int | None, vectors: Vectors) -> Entry:
    item = StoredItem(
        id=item_id(prepared.uri),
        uri=prepared.uri,
        name=prepared.name,
        modality=prepared.modality,
        media_type=prepared.media_type,
        content_hash=prepared.content_hash,
        num_bytes=prepared.num_bytes,
        modified_ns=modified_ns,
        parent=parent,
        notes=prepared.notes,
        metadata=prepared.metadata,
    )
    segments = tuple(
        StoredSegment(modality=piece.modality, span=piece.span, text=piece.text) for piece in prepared.pieces
    )
    return Entry(item=item, segments=segments, vectors=vectors)
