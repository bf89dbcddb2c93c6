"""A file of the collection as another framework sees it: words to read, and a citation in plain fields."""

from typing import Any

from commonspace.apps.collection import Collection
from commonspace.apps.rag.citation import Citation
from commonspace.apps.rag.shelf import RECORD
from commonspace.core.item import Metadata
from commonspace.index.records import StoredItem
from commonspace.retrieve.hit import Hit

__all__ = ["view_of_hit", "view_of_item"]

View = tuple[str, dict[str, Any]]


def view_of_hit(hit: Hit) -> View:
    """The passage that was found, or the name and kind of a medium; and where it is from, with the item's metadata."""
    citation = Citation.of(hit, 1)
    passage = hit.segment.text if hit.segment else None
    fields = {key: value for key, value in citation.to_dict().items() if key != "number"}
    fields |= {"label": citation.place, "score": hit.score}
    if hit.probability is not None:
        fields |= {"probability": hit.probability, "good": hit.good}
    return passage or f"{citation.name} ({hit.modality})", {**_own(hit.metadata), **fields}


def view_of_item(collection: Collection, item: StoredItem) -> View:
    """The whole item: its passages one after the other, or the name and kind of a medium."""
    text = "\n".join(segment.text for segment in collection.segments(item.id) if segment.text)
    fields: dict[str, Any] = {
        "id": item.id,
        "uri": item.uri,
        "name": item.name,
        "modality": item.modality.value,
        "media_type": item.media_type,
    }
    return text or f"{item.name} ({item.modality})", {**_own(item.metadata), **fields}


def _own(metadata: Metadata) -> Metadata:
    return {key: value for key, value in metadata.items() if key != RECORD}
