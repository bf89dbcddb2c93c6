"""A collection: a store and the space that fills it, as a person uses them together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

from commonspace.apps.adding import Kept, keep
from commonspace.apps.composing import embedding_of
from commonspace.apps.indexing import Indexing
from commonspace.apps.paths import under_uri
from commonspace.apps.progress import IndexReport, Progress
from commonspace.apps.sharing import SharedWriter
from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.embedder import Embedder, Embedding
from commonspace.encode.prepare import Prepared
from commonspace.encode.speech import Transcriber
from commonspace.index.records import StoredItem, item_id
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from commonspace.ingest.source import file_uri
from commonspace.retrieve.hit import Hit
from commonspace.retrieve.judge import Judging, uncalibrated
from commonspace.retrieve.search import search

__all__ = ["Collection", "Info"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What a store holds."""

    path: Path
    space: Space
    items: dict[Modality, int]
    num_segments: int
    num_bytes: int
    sequence: int

    def to_dict(self) -> dict[str, Any]:
        """The facts as they stand in JSON answers."""
        return {
            "path": str(self.path),
            "space": {
                "name": self.space.name,
                "tier": self.space.tier.value,
                "dimension": self.space.dimension,
                "modalities": [modality.value for modality in self.space.modalities],
                "fingerprint": self.space.fingerprint,
            },
            "items": {modality.value: count for modality, count in self.items.items()},
            "num_items": sum(self.items.values()),
            "num_segments": self.num_segments,
            "num_bytes": self.num_bytes,
            "sequence": self.sequence,
        }


@final
class Collection:
    """Media in one store, searchable across modalities, from any thread. Close it, or use ``with``.

    Reading never blocks anyone; the store's writing lock, which keeps other processes out, is held only while
    ``index``, ``add`` or ``remove`` runs.
    """

    def __init__(
        self,
        store: Store,
        writer: Callable[[], Store],
        embedder: Callable[[], Embedder],
        pool: Callable[[], AbstractContextManager[WorkerPool]],
        judging: Judging | None = None,
        transcriber: Callable[[], Transcriber] | None = None,
    ) -> None:
        self._store = store
        self._shared = SharedWriter(writer)
        self._load = embedder
        self._pool = pool
        self._judging = judging or Judging()
        self._transcriber = transcriber

    @cached_property
    def embedder(self) -> Embedder:
        """The space's towers, loaded when first needed."""
        return self._load()

    @property
    def space(self) -> Space:
        """The space whose vectors the store holds."""
        return self._store.space

    def __repr__(self) -> str:
        return f"<Collection {self._store.path.name}: {sum(self._store.counts().values())} items in {self.space.name}>"

    def index(
        self,
        paths: Sequence[str | Path],
        *,
        progress: Callable[[Progress], None] | None = None,
        within: Path | None = None,
    ) -> IndexReport:
        """Bring the store in step with files, folders and globs: add, update, forget.

        Safe to interrupt: what was reported as done is kept, and running it again resumes. With ``within``, a path
        without links, links that lead out of it are failures and are not followed.

        Raises:
            UsageError: no path was given.
            StoreBusy: another process is writing to the store.
            StoreError: the store cannot be written.
            MissingExtra: speech is to be transcribed, and faster-whisper is not installed.
        """
        if not paths:
            raise UsageError("There is nothing to index.", fix="Name at least one file or folder.")
        transcriber = None if self._transcriber is None else self._transcriber()
        with self._shared.writing() as store, self._pool() as pool:
            return Indexing(store, self.embedder, pool, progress, transcriber, within).run(paths)

    def add(self, items: Sequence[Prepared]) -> list[Kept]:
        """Keep items that are prepared already, in one change; one answer each, in order.

        Raises:
            UsageError: two items of different content share a uri.
            StoreBusy: another process is writing to the store.
            StoreError: the store cannot be written; nothing was.
        """
        with self._shared.writing() as store:
            return keep(store, self.embedder, items)

    def search(
        self,
        query: object,
        *,
        k: int = 10,
        modality: Modality | str | None = None,
        min_probability: float | None = None,
        weights: Mapping[Modality | str, float] | None = None,
    ) -> list[Hit]:
        """Find the items nearest to a query of any modality.

        In a calibrated space hits are ranked by how likely they are relevant, whatever their modality, and
        ``Hit.good`` says which are good matches: there may be none. Elsewhere they are ranked by score.

        Args:
            query: as in ``embed``: a ``str`` is text, a ``Path`` a file, pictures, bytes and Audio are media.
            k: how many items at most.
            modality: only items of this one.
            min_probability: only items that are at least this likely to be relevant.
            weights: what the probability of items of a modality is multiplied by for the ranking, on top of settings.

        Raises:
            UsageError: an empty query, k below one, an unknown modality, a weight below zero, or a least probability
                or weights in a space that says no probabilities for the query.
            ItemError: the query's file cannot be read.
            UnsupportedModality: the space has no tower for the query or for ``modality``.
        """
        if isinstance(query, str) and not query.strip():
            raise UsageError("The query is empty.", fix="Say what to look for.")
        if modality is not None:
            self._known(modality)
        asked = self.embedder.query(query)
        return self.find(asked, k=k, modality=modality, min_probability=min_probability, weights=weights)

    def find(
        self,
        asked: Embedding,
        *,
        k: int = 10,
        modality: Modality | str | None = None,
        min_probability: float | None = None,
        weights: Mapping[Modality | str, float] | None = None,
    ) -> list[Hit]:
        """Find the items nearest to a query that is embedded already; all else as in ``search``.

        Raises:
            UsageError: as in ``search``.
            UnsupportedModality: the space has no tower for ``modality``.
        """
        wanted = None if modality is None else {self._known(modality)}
        given = {self._known(name): weight for name, weight in (weights or {}).items()}
        judge = self._judging.of(asked.modality, given)
        if min_probability is not None and judge is None:
            raise uncalibrated(asked.modality, "A least probability needs")
        hits = search(self._store, asked.vector[None], k=k, modalities=wanted, judge=judge)
        return [hit for hit in hits if (hit.probability or 0.0) >= (min_probability or 0.0)]

    def remove(self, targets: Sequence[str | Path]) -> int:
        """Forget items by id, uri, file or folder; returns how many went, parts of documents included.

        Raises:
            StoreBusy: another process is writing to the store.
            StoreError: the store cannot be written.
        """
        with self._shared.writing() as store:
            return sum(_remove(store, target) for target in targets)

    def discard(self, id: str) -> int:  # noqa: A002  # the field's name
        """Forget one item by its id, with the items found in it; returns how many went.

        Raises:
            StoreBusy: another process is writing to the store.
            StoreError: the store cannot be written.
        """
        with self._shared.writing() as store:
            return store.remove([id])

    def items(self, *, modality: Modality | None = None, after: str = "") -> Iterator[StoredItem]:
        """What the store holds, by uri, beyond the uri ``after``."""
        return self._store.items(modality=modality, after=after)

    def item(self, name: str) -> StoredItem | None:
        """The item of this uri, else of this id."""
        return self._store.get(item_id(name)) or self._store.get(name)

    def embedding(self, id: str) -> Embedding | None:  # noqa: A002  # the field's name
        """A stored item's vector, to search with; None if there is no such item.

        Raises:
            UsageError: nothing in the item has a vector.
        """
        entry = self._store.entry(id)
        return None if entry is None else embedding_of(entry)

    def info(self) -> Info:
        """Count what the store holds."""
        path = self._store.path
        return Info(
            path=path,
            space=self.space,
            items=self._store.counts(),
            num_segments=self._store.num_segments,
            num_bytes=_num_bytes(path),
            sequence=self._store.sequence,
        )

    def close(self) -> None:
        """Let go of the store's files."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _known(self, name: Modality | str) -> Modality:
        try:
            modality = Modality(name)
        except ValueError:
            raise UsageError(f"'{name}' is no modality.", fix=f"Use one of {', '.join(Modality)}.") from None
        self.space.require(modality)
        return modality


def _num_bytes(folder: Path) -> int:
    """What a store takes on disk; files that a writer removes meanwhile take nothing."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total


def _remove(store: Store, target: str | Path) -> int:
    name = str(target)
    for item in (store.get(name), store.find(name), store.find(file_uri(Path(name).expanduser()))):
        if item is not None:
            return store.remove([item.id])
    return store.remove([item.id for item in store.items(under=under_uri(name)) if item.parent is None])
