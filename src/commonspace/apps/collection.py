"""A collection: a store and the space that fills it, as a person uses them together."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self, Unpack, final

from commonspace.apps.adding import Kept, keep
from commonspace.apps.asking import asked_of, stored_part
from commonspace.apps.calibrate_store import Typical, calibrate_store
from commonspace.apps.calibration_report import CalibrationReport
from commonspace.apps.describing import Described, Descriptions
from commonspace.apps.forgetting import forget
from commonspace.apps.indexing import Indexing
from commonspace.apps.info import Info, num_bytes_of
from commonspace.apps.progress import IndexReport, Progress
from commonspace.apps.rag.context import Context
from commonspace.apps.rag.gather import gathered
from commonspace.apps.rag.tokens import Budget
from commonspace.apps.scribes import Scribes
from commonspace.apps.sharing import SharedWriter
from commonspace.apps.watching import Pace, Watching, folders_of
from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.embedder import Embedder, Embedding
from commonspace.encode.prepare import Prepared
from commonspace.index.records import StoredItem, StoredSegment, item_id
from commonspace.index.store import Store
from commonspace.ingest.live import Stop, changes_under, require_watching
from commonspace.ingest.pool import WorkerPool
from commonspace.retrieve.asked import Asked, AskedPart, embedding_of
from commonspace.retrieve.hit import Hit
from commonspace.retrieve.judge import Judging
from commonspace.retrieve.ranking import Options, Ranking
from commonspace.retrieve.search import search

__all__ = ["Collection", "Info"]


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
        scribes: Callable[[], Scribes] | None = None,
    ) -> None:
        self._store = store
        self._shared = SharedWriter(writer)
        self._load = embedder
        self._pool = pool
        self._judging = judging or Judging()
        self._scribes = scribes

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
        metadata: Described | None = None,
    ) -> IndexReport:
        """Bring the store in step with files, folders and globs: add, update, forget.

        Safe to interrupt: what was reported as done is kept, and running it again resumes. With ``within``, a path
        without links, links that lead out of it are failures and are not followed. ``metadata`` gives items fields: a
        table (CSV, JSON lines, Parquet) with a column ``path`` or ``uri``, or fields by path or uri.

        Raises:
            UsageError: no path was given, or the metadata makes no sense; nothing was indexed.
            StoreBusy: another process is writing to the store.
            StoreError: the store cannot be written.
            MissingExtra: speech is to be transcribed or words read, and what does that is not installed.
        """
        if not paths:
            raise UsageError("There is nothing to index.", fix="Name at least one file or folder.")
        descriptions = Descriptions.of(metadata)
        scribes = None if self._scribes is None else self._scribes()
        with self._shared.writing() as store, self._pool() as pool:
            indexing = Indexing(store, self.embedder, pool, progress, scribes, within)
            return indexing.run(paths, descriptions=descriptions)

    def watch(
        self, folders: Sequence[str | Path], *, stop: Stop | None = None, pace: Pace | None = None
    ) -> Iterator[IndexReport]:
        """Bring the store in step with folders, then follow them: a report at once, and one a batch of changes.

        It goes on until ``stop`` is set (a ``threading.Event``) or nobody asks for the next report. The writing lock is
        held only while changes are written; while another process holds it, they wait.

        Raises:
            UsageError: no folder was given, or one is no folder, or the system watches no more folders.
            StoreBusy: another process is writing to the store as it begins.
            StoreError: the store cannot be written.
            MissingExtra: watchfiles is not installed.
        """
        require_watching()
        named = folders_of(folders)
        scribes = None if self._scribes is None else self._scribes()

        def take_up(present: Sequence[Path], gone: Sequence[Path]) -> IndexReport:
            with self.filling() as (store, pool):
                return Indexing(store, self.embedder, pool, None, scribes).run(present, gone=gone, snapshot=False)

        return Watching(self._store, named, take_up, changes_under, pace).run(stop or Event())

    @contextmanager
    def filling(self) -> Iterator[tuple[Store, WorkerPool]]:
        """The store open for writing, and a pool to decode in, for what fills it from something else than files.

        Raises:
            StoreBusy: another process is writing to the store.
        """
        with self._shared.writing() as store, self._pool() as pool:
            yield store, pool

    def add(self, items: Sequence[Prepared]) -> list[Kept]:
        """Keep items that are prepared already, in one change; one answer each, in order.

        Raises:
            UsageError: two items of different content share a uri.
            StoreBusy: another process is writing to the store.
            StoreError: the store cannot be written; nothing was.
        """
        with self._shared.writing() as store:
            return keep(store, self.embedder, items)

    def search(self, query: object, **options: Unpack[Options]) -> list[Hit]:
        """Find the items nearest to a query of any modality, or to several parts that add up (``Query``).

        In a calibrated space hits are ranked by how likely they are relevant, whatever their modality, and
        ``Hit.good`` says which are good matches: there may be none. Elsewhere they are ranked by score. Words of the
        query that stand in names, passages and transcripts count too, where the space is calibrated.

        Args:
            query: as in ``embed`` (a ``str`` is text, a ``Path`` a file; pictures, bytes and Audio are media), or a
                ``Query``, such as ``Query("sneakers") + Path("photo.jpg") - "blue"`` or ``Query.like(item_id)``.
            **options: ``k``, ``offset``, ``modality``, ``where`` (a filter, as text or built), ``weights`` of
                modalities, ``min_probability``, ``group``, ``diversity``, ``fold``, ``keywords`` and ``explain``, as
                ``Ranking`` describes them.

        Raises:
            UsageError: the query or an option makes no sense, or asks for probabilities in a space that says none.
            ItemError: the query's file cannot be read.
            UnsupportedModality: the space has no tower for the query or for ``modality``.
        """
        ranking = self._ranking(options)
        return self._answer(asked_of(query, self.embedder, self._store), ranking)

    def find(self, asked: Embedding | Asked, **options: Unpack[Options]) -> list[Hit]:
        """Find the items nearest to a query that is embedded already; all else as in ``search``.

        Raises:
            UsageError: as in ``search``.
            UnsupportedModality: the space has no tower for ``modality``.
        """
        whole = asked if isinstance(asked, Asked) else Asked(parts=(AskedPart(embedding=asked),))
        return self._answer(whole, self._ranking(options))

    def remove(self, targets: Sequence[str | Path]) -> int:
        """Forget items by id, uri, file or folder; returns how many went, parts of documents included.

        Raises:
            StoreBusy: another process is writing to the store.
            StoreError: the store cannot be written.
        """
        with self._shared.writing() as store:
            return sum(forget(store, target) for target in targets)

    def discard(self, id: str) -> int:  # noqa: A002  # the field's name
        """Forget one item by its id, with the items found in it; returns how many went.

        Raises:
            StoreBusy: another process is writing to the store.
            StoreError: the store cannot be written.
        """
        with self._shared.writing() as store:
            return store.remove([id])

    def calibrate(self, typical: Typical) -> CalibrationReport:
        """Fit hubs, probabilities and "no good match" to this store; it is searched so from its next opening on.

        Raises:
            UsageError: no pair names an item of the store, or no query can be embedded.
            StoreBusy: another process is writing to the store.
            StoreError: the calibration cannot be written.
        """
        with self._shared.writing() as store:
            return calibrate_store(store, self.embedder, self._judging.of_space, typical)

    def items(self, *, modality: Modality | None = None, after: str = "") -> Iterator[StoredItem]:
        """What the store holds, by uri, beyond the uri ``after``."""
        return self._store.items(modality=modality, after=after)

    def item(self, name: str) -> StoredItem | None:
        """The item of this uri, else of this id."""
        return self._store.get(item_id(name)) or self._store.get(name)

    def segments(self, id: str) -> tuple[StoredSegment, ...]:  # noqa: A002  # the field's name
        """The parts of an item in order, with their passages; none if there is no such item."""
        entry = self._store.entry(id)
        return () if entry is None else entry.segments

    def context(self, question: str, *, budget_tokens: int = 2000, k: int = 12, weak: bool = False) -> Context:
        """What to answer a question from: passages, pictures and clips with citations, within a token budget.

        Weak matches are left out unless ``weak``. ``commonspace.apps.rag`` takes other counters and costs.

        Raises:
            UsageError: an empty question, or a budget or k below one.
        """
        return gathered(self, question, Budget(tokens=budget_tokens), k=k, weak=weak)

    def embedding(self, id: str) -> Embedding | None:  # noqa: A002  # the field's name
        """A stored item's vector, to search with; None if there is no such item.

        Raises:
            UsageError: nothing in the item has a vector.
        """
        entry = self._store.entry(id)
        return None if entry is None else embedding_of(entry)

    def part(self, id: str, weight: float = 1.0) -> AskedPart | None:  # noqa: A002  # the field's name
        """A stored item as a part of a query; None if there is no such item.

        Raises:
            UsageError: nothing in the item has a vector.
        """
        item = self._store.get(id)
        return None if item is None else stored_part(item, self._store, weight)

    def info(self) -> Info:
        """Count what the store holds."""
        path = self._store.path
        return Info(
            path=path,
            space=self.space,
            items=self._store.counts(),
            num_segments=self._store.num_segments,
            num_bytes=num_bytes_of(path),
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

    def _ranking(self, options: Options) -> Ranking:
        ranking = Ranking.of(**options)
        for modality in [*ranking.weights, *([] if ranking.modality is None else [ranking.modality])]:
            self.space.require(modality)
        return ranking

    def _answer(self, asked: Asked, ranking: Ranking) -> list[Hit]:
        return search(self._store, asked, ranking, self._judging)
