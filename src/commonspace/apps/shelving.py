"""An evaluation's documents become items of a store, under their shelf's name; what is there is not embedded again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final, final
from urllib.parse import quote

import numpy as np

from commonspace.apps.collection import Collection
from commonspace.apps.entries import content_hash_of
from commonspace.apps.progress import Progress
from commonspace.apps.taking import Taken, take
from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.core.vectors import unit
from commonspace.encode.embedder import Embedder
from commonspace.evaluate.dataset import Document, Shelf
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id
from commonspace.index.store import Store
from commonspace.ingest.source import ItemFailure, Source, file_source

__all__ = ["Report", "Telling", "document_uri", "fill_shelves", "sources_of"]

CLASSES_A_BATCH: Final = 64
Report = Callable[[Progress], None]


@final
@dataclass(slots=True, kw_only=True)
class Telling:
    """Progress over documents and queries together."""

    say: Report | None
    total: int
    started: float = field(default_factory=monotonic)
    done: int = 0
    failed: int = 0
    unchanged: int = 0

    def step(self, current: str, news: Sequence[ItemFailure] = ()) -> None:
        """One more is settled."""
        self.done += 1
        self.failed += len(news)
        self.tell(current, news)

    def tell(self, current: str, news: Sequence[ItemFailure] = ()) -> None:
        """Say how far it is."""
        if self.say is not None:
            self.say(
                Progress(
                    done=self.done,
                    total=self.total,
                    failed=self.failed,
                    unchanged=self.unchanged,
                    current=current,
                    seconds=monotonic() - self.started,
                    failures=tuple(news),
                )
            )

    def heard(self, progress: Progress) -> None:
        """What taking documents in says of itself, as a part of the whole."""
        self.done, self.failed, self.unchanged = progress.done, progress.failed, progress.unchanged
        self.tell(progress.current, progress.failures)


def fill_shelves(collection: Collection, documents: Sequence[tuple[Shelf, Document]], telling: Telling) -> Taken:
    """Bring every document into the store, as items under its shelf's name; failures are named by document.

    Raises:
        UsageError: the store holds something else, which would take places; nothing was brought in.
        StoreError: the store cannot be written; what was reported as done is kept.
    """
    sources = {source.uri: (source, one.id) for shelf, one in documents for source in sources_of(shelf, one)}
    classes = {document_uri(shelf, one) for shelf, one in documents if one.prompts}
    for item in collection.items():
        uri = item.uri.partition("#")[0]
        if uri not in sources and uri not in classes:
            raise UsageError(
                f"The store holds '{item.uri}', which is not of this dataset: it would take places.",
                fix="Name another store, or none.",
            )
    with collection.filling() as filling:
        taken = take(filling, collection.embedder, [source for source, _ in sources.values()], telling.heard)
        added, unchanged = _take_classes(filling[0], collection.embedder, documents, telling)
    return Taken(
        added=taken.added + added,
        unchanged=taken.unchanged + unchanged,
        failures=tuple(replace(each, name=sources[each.uri][1]) for each in taken.failures),
        seconds=monotonic() - telling.started,
    )


def sources_of(shelf: Shelf, document: Document) -> list[Source]:
    """A document's text and files as items of the store; their uris lead back to it.

    A file has its own name, as in any store, and a text none: a document's id would be words that nobody said of it.
    """
    sources = []
    for place, part in enumerate(document.parts):
        uri = document_uri(shelf, document) + (f"?{place}" if place else "")
        known = Source(uri="", name="", origin=part) if isinstance(part, str) else file_source(part)
        sources.append(replace(known, uri=uri))
    return sources


def document_uri(shelf: Shelf, document: Document) -> str:
    """Where a document lies in the store; every shelf has a beginning of its own."""
    return f"{shelf.name}:{quote(document.id, safe='')}"


def _take_classes(
    store: Store, embedder: Embedder, documents: Sequence[tuple[Shelf, Document]], telling: Telling
) -> tuple[int, int]:
    """Documents of several prompts, each as one vector; how many are new, and how many were there."""
    classes = [(document_uri(shelf, document), document) for shelf, document in documents if document.prompts]
    added = 0
    for start in range(0, len(classes), CLASSES_A_BATCH):
        new = []
        for uri, document in classes[start : start + CLASSES_A_BATCH]:
            known, digest = store.find(uri), content_hash_of(Source(uri=uri, name="", origin=_said(document)))
            if known is None or known.content_hash != digest:
                new.append((uri, document, digest))
        if new:
            store.put(_class_entries(embedder, new))
        added += len(new)
        for _, document in classes[start : start + CLASSES_A_BATCH]:
            telling.step(document.id)
    if added:
        store.snapshot()
    return added, len(classes) - added


def _class_entries(embedder: Embedder, new: Sequence[tuple[str, Document, str]]) -> list[Entry]:
    vectors = embedder.embed([prompt for _, document, _ in new for prompt in document.prompts])
    ends = np.cumsum([len(document.prompts) for _, document, _ in new])
    made = []
    for (uri, document, digest), rows in zip(new, np.split(vectors, ends[:-1]), strict=True):
        item = StoredItem(
            id=item_id(uri),
            uri=uri,
            name=document.prompts[0],
            modality=Modality.TEXT,
            media_type="text/plain",
            content_hash=digest,
            num_bytes=len(_said(document).encode()),
        )
        segment = StoredSegment(modality=Modality.TEXT, text=document.prompts[0])
        made.append(Entry(item=item, segments=(segment,), vectors=unit(rows.mean(axis=0, keepdims=True))))
    return made


def _said(document: Document) -> str:
    return "\n".join(document.prompts)
