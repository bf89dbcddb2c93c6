"""A query as a person writes it becomes one whose parts have vectors."""

from pathlib import Path

from commonspace.core.errors import UsageError
from commonspace.encode.embedder import Embedder, Embedding
from commonspace.index.records import StoredItem, item_id
from commonspace.index.store import Store
from commonspace.ingest.source import file_uri
from commonspace.retrieve.asked import Asked, AskedPart, embedding_of
from commonspace.retrieve.query import Part, Query

__all__ = ["asked_of", "content_part", "stored_item", "stored_part"]

LABEL_CHARS = 60


def asked_of(query: object, embedder: Embedder, store: Store) -> Asked:
    """Embed the contents of a query (or the one content that it is), and look its items up.

    Raises:
        UsageError: a text is empty, an item is not in the store or has no vector, or nothing is wanted.
        ItemError: a content cannot be read.
        UnsupportedModality: the space has no tower for a content.
    """
    return Asked(parts=tuple(_part(part, embedder, store) for part in Query.of(query).parts))


def content_part(content: object, embedding: Embedding, weight: float) -> AskedPart:
    """One content with its vector as a part."""
    words = content if isinstance(content, str) else ""
    return AskedPart(embedding=embedding, weight=weight, label=_label(content, embedding), words=words)


def stored_part(item: StoredItem, store: Store, weight: float) -> AskedPart | None:
    """One item of the store as a part; None if it left meanwhile.

    Raises:
        UsageError: nothing in the item has a vector.
    """
    entry = store.entry(item.id)
    if entry is None:
        return None
    return AskedPart(embedding=embedding_of(entry), weight=weight, label=item.name, item=item.id)


def stored_item(store: Store, name: str) -> StoredItem | None:
    """The item of this uri, of this id, or at this path."""
    return store.get(item_id(name)) or store.get(name) or store.find(file_uri(Path(name).expanduser()))


def _part(part: Part, embedder: Embedder, store: Store) -> AskedPart:
    if part.item is None:
        if isinstance(part.content, str) and not part.content.strip():
            raise UsageError("The query is empty.", fix="Say what to look for.")
        return content_part(part.content, embedder.query(part.content), part.weight)
    item = stored_item(store, part.item)
    found = item and stored_part(item, store, part.weight)
    if not found:
        raise UsageError(
            f"There is no item '{part.item}' in this store.", fix="Name the id, the uri or the file of one that is."
        )
    return found


def _label(content: object, embedding: Embedding) -> str:
    if isinstance(content, str):
        line = " ".join(content.split())
        return line if len(line) <= LABEL_CHARS else line[: LABEL_CHARS - 1] + "…"
    return content.name if isinstance(content, Path) else embedding.modality.value
