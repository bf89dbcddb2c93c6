"""A shelf: documents of another framework in a collection, given back word for word under their own ids.

The framework's own record travels as JSON beside the text, so nothing of it is lost; its plain values are the item's
metadata too, for filters and people. Files that the collection holds anyway are found like everything else.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, final
from urllib.parse import quote, unquote

from blake3 import blake3

from commonspace.apps.collection import Collection
from commonspace.core.errors import UsageError
from commonspace.core.item import Metadata
from commonspace.core.modality import Modality
from commonspace.encode.embedder import Embedding
from commonspace.encode.prepare import Prepared
from commonspace.index.records import StoredItem
from commonspace.ingest.source import Source, printable
from commonspace.retrieve.hit import Fold, Hit
from commonspace.retrieve.ranking import MOST_HITS

__all__ = ["RECORD", "Found", "Record", "Shelf", "own_id", "record_of"]

RECORD: Final = "$record"
"""The metadata field that holds a framework's own record."""
NAMED: Final = "upload:"
NAME_CHARS: Final = 60
BATCH_RECORDS: Final = 256
INTEGER_LIMIT: Final = 2**63
FIRST_REACH: Final = 64
Fields = dict[str, Any]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One document: its id, what is embedded (text, or an encoded medium), and ``fields``, any JSON there is of it.

    ``values`` are what filters and people see of it: those that are text, numbers or booleans.
    """

    id: str
    content: str | bytes
    fields: Fields
    values: Fields


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A hit, with the record of the document if it is one; None for files of the collection."""

    hit: Hit
    fields: Fields | None


@final
class Shelf:
    """Documents by id over a collection."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    def put(self, records: Sequence[Record]) -> None:
        """Keep documents; one of a known id is replaced, and the last of several with one id counts.

        Raises:
            UsageError: a document's fields are not JSON.
            ItemError: a document's medium cannot be read; earlier ones of the call may be kept.
            UnsupportedModality: the space has no tower for it.
            StoreError: the store cannot be written.
        """
        distinct = list({record.id: record for record in records}.values())
        for start in range(0, len(distinct), BATCH_RECORDS):
            self.collection.add([self._prepared(record) for record in distinct[start : start + BATCH_RECORDS]])

    def item(self, id: str) -> StoredItem | None:  # noqa: A002  # the field's name
        """The item of a document's id, else of an item's id or uri."""
        return self.collection.item(_uri(id)) or self.collection.item(id)

    def items(self) -> Iterator[StoredItem]:
        """Every item there is, by uri; those found inside others are not listed."""
        return (item for item in self.collection.items() if item.parent is None)

    def remove(self, ids: Sequence[str]) -> int:
        """Forget documents by their ids, or items by theirs, in one change; how many were known."""
        items = (self.item(each) for each in ids)
        known = {item.id for item in items if item is not None}
        if known:
            with self.collection.filling() as (store, _):
                store.remove(known)
        return len(known)

    def search(
        self, query: str | Embedding, k: int, accept: Callable[[Hit], bool] | None = None, **options: Any
    ) -> list[Found]:
        """The ``k`` nearest that are accepted, best first: it reaches further until there are enough.

        It looks at the first 10,000 hits at most: ``where`` among the options narrows what is searched to begin with.

        Raises:
            UsageError: an empty query, or k below one.
        """
        if k < 1:
            raise UsageError(f"k is {k}.", fix="Ask for at least one hit.")
        reach = k if accept is None else max(k, FIRST_REACH)
        while True:
            hits = self._hits(query, reach, options)
            wanted = [each for hit in hits for each in self._unfolded(hit) if accept is None or accept(each)]
            if len(wanted) >= k or len(hits) < reach or reach >= MOST_HITS:
                return [Found(hit=hit, fields=record_of(hit.metadata)) for hit in wanted[:k]]
            reach = min(MOST_HITS, reach * 4)

    def _unfolded(self, hit: Hit) -> Iterator[Hit]:
        """The hit, and after it the documents of the same content, which a search lists under it."""
        yield hit
        for other in hit.folded:
            item = self.collection.item(other.id) if other.why is Fold.SAME_CONTENT else None
            if item is not None:
                yield replace(
                    hit, id=item.id, uri=item.uri, name=item.name, metadata=item.metadata, score=other.score, folded=()
                )

    def _hits(self, query: str | Embedding, k: int, options: dict[str, Any]) -> Sequence[Hit]:
        if isinstance(query, Embedding):
            return self.collection.find(query, k=k, **options)
        return self.collection.search(query, k=k, **options)

    def _prepared(self, record: Record) -> Prepared:
        uri, content = _uri(record.id), record.content
        name = printable(" ".join(content.split())[:NAME_CHARS]) if isinstance(content, str) else record.id
        metadata = {**_plain(record.values), RECORD: _told(record)}
        if not content or (isinstance(content, str) and not content.strip()):
            return _bare(uri, record.id, metadata)
        source = Source(uri=uri, name=name or record.id, origin=content)
        return replace(self.collection.embedder.preparer(source), metadata=metadata)


def own_id(hit: Hit | StoredItem) -> str:
    """The id that a document's owner knows it by; the item's id for files."""
    is_named = hit.uri.startswith(NAMED) and "#" not in hit.uri
    return unquote(hit.uri.removeprefix(NAMED)) if is_named else hit.id


def record_of(metadata: Metadata) -> Fields | None:
    """The record that came with a document; None for what was not put here through a shelf."""
    told = metadata.get(RECORD)
    if not isinstance(told, str):
        return None
    try:
        fields = json.loads(told)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _uri(id: str) -> str:  # noqa: A002  # the field's name
    return NAMED + quote(id, safe="", errors="surrogatepass")


def _told(record: Record) -> str:
    try:
        return json.dumps(record.fields, ensure_ascii=True)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"The document '{printable(record.id)}' holds what JSON cannot say: {error}.",
            fix="Give metadata of texts, numbers, booleans, lists and mappings; write dates as ISO 8601 texts.",
        ) from error


def _plain(values: Fields) -> Metadata:
    """The values that a store's metadata may hold."""
    return {key: value for key, value in values.items() if key != RECORD and _is_plain(value)}


def _is_plain(value: object) -> bool:
    match value:
        case bool():
            return True
        case str():
            return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
        case int():
            return abs(value) < INTEGER_LIMIT
        case float():
            return math.isfinite(value)
    return False


def _bare(uri: str, name: str, metadata: Metadata) -> Prepared:
    """A document without content: it is kept and listed, and no search finds it."""
    return Prepared(
        uri=uri,
        name=printable(name)[:NAME_CHARS],
        modality=Modality.TEXT,
        media_type="text/plain",
        content_hash=blake3(b"").hexdigest(),
        num_bytes=0,
        cost=0,
        notes=(),
        metadata=metadata,
        pieces=(),
    )
