"""The store: one folder that holds items, segments, vectors and words, durably, and searches them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, final

from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors
from commonspace.index import reading, verify, writing
from commonspace.index.attributes import Condition
from commonspace.index.bias import ItemBias
from commonspace.index.checks import check_count, check_entries, check_modalities, check_vectors
from commonspace.index.creation import create_folder, find_folder, has_store
from commonspace.index.database import Database
from commonspace.index.faults import reported
from commonspace.index.filters import Filter, check_filter
from commonspace.index.kinds import Choice, chosen, store_choice
from commonspace.index.lock import WriterLock
from commonspace.index.mirror import Mirror
from commonspace.index.records import Entry, SegmentHit, StoredItem
from commonspace.index.resident import MakeIndex
from commonspace.index.schema import check_format, number, read_space
from commonspace.index.snapshots import Snapshots
from commonspace.index.sought import Sought
from commonspace.index.term_index import BestKeywords

__all__ = ["Store"]


@final
class Store:
    """Items with their segments and vectors of one space. Make one with ``create`` or ``open``.

    Any number of threads may use a store; changes queue up behind one another. Other processes may
    search the folder while one writes to it: every search shows all that was committed before it.
    A change is on disk when its call returns, and after a crash it is there whole or not at all.
    """

    def __init__(
        self,
        path: Path,
        database: Database,
        lock: WriterLock | None,
        make_index: MakeIndex | None,
        bias: ItemBias | None = None,
    ) -> None:
        self._path = path
        self._database = database
        self._lock = lock
        self._make_index = make_index
        self._closed = False
        with database.reading() as connection:
            check_format(connection, path)
            self._space = read_space(connection, path)
        self._keywords = BestKeywords(path)
        self._snapshots = Snapshots(database, path, self._space.dimension)
        self._mirror = Mirror(path, self._space.dimension, make_index, bias)

    @staticmethod
    def exists(path: str | Path) -> bool:
        """Whether there is a store at ``path``."""
        return has_store(Path(path))

    @classmethod
    def create(cls, path: str | Path, space: Space) -> Self:
        """Make an empty store for ``space`` in a new folder, and open it for writing.

        Raises:
            StoreError: something is at ``path`` already, or it cannot be written.
        """
        create_folder(Path(path), space)
        return cls.open(path, space=space)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        space: Space | None = None,
        writable: bool = True,
        make_index: MakeIndex | None = None,
        bias: ItemBias | None = None,
    ) -> Self:
        """Open a store; with ``space``, only if it holds that space's vectors; with ``bias``, scores are less by it.

        Without ``make_index`` it is searched with the index that ``choose_index`` said, else the one for its size.

        Raises:
            StoreNotFound: there is none at ``path``.
            StoreBusy: another writer has it open.
            SpaceMismatch: it holds the vectors of another space.
            CorruptStore: its database is damaged.
        """
        folder = Path(path)
        find_folder(folder)
        with reported(folder):
            lock = WriterLock.take(folder) if writable else None
        with ExitStack() as undo:
            if lock is not None:
                undo.callback(lock.release)
            database = Database(folder, writable=writable)
            undo.callback(database.close)
            store = cls(folder, database, lock, make_index, bias)
            if space is not None:
                store.space.require_same(space)
            undo.pop_all()
        return store

    @property
    def path(self) -> Path:
        """The store's folder."""
        return self._path

    @property
    def space(self) -> Space:
        """The space whose vectors the store holds."""
        return self._space

    @property
    def sequence(self) -> int:
        """How many changes have been committed, by anyone."""
        with self._database.reading() as connection:
            return number(connection, "sequence")

    @property
    def num_segments(self) -> int:
        """How many segments, and so vectors, the store holds."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM segments").fetchone()[0])

    def put(self, entries: Sequence[Entry]) -> None:
        """Store these entries in one change; an item of the same uri is replaced and its children leave.

        Raises:
            UsageError: an entry makes no sense; nothing is stored.
            SpaceMismatch: its vectors have another dimension; nothing is stored.
            StoreError: the disk is full or refuses; nothing is stored.
        """
        check_entries(entries, self._space.dimension)
        if entries:
            with self._database.writing() as connection:
                writing.insert_entries(connection, entries)

    def remove(self, ids: Collection[str]) -> int:
        """Remove items by id, with their children, in one change; returns how many items went."""
        with self._database.writing() as connection:
            return writing.delete_items(connection, ids)

    def touch(self, times: Mapping[str, int]) -> None:
        """Set ``modified_ns`` by id, for files that were rewritten with the same content."""
        with self._database.writing() as connection:
            writing.set_modified(connection, times)

    def get(self, id: str) -> StoredItem | None:  # noqa: A002  # the field's name
        """The item with this id."""
        return self._first("id = ?", id)

    def find(self, uri: str) -> StoredItem | None:
        """The item at this uri."""
        return self._first("uri = ?", uri)

    def find_content(self, content_hash: str) -> StoredItem | None:
        """An item with this content, if there is one; its ``entry`` saves embedding the content again."""
        return self._first("content_hash = ? ORDER BY parent IS NOT NULL, id", content_hash)

    def children(self, id: str) -> list[StoredItem]:  # noqa: A002  # the field's name
        """The items that were found in this one, by uri."""
        with self._database.reading() as connection:
            return reading.children_of(connection, id, self._path)

    def num_children(self, id: str) -> int:  # noqa: A002  # the field's name
        """How many items were found in this one."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM items WHERE parent = ?", (id,)).fetchone()[0])

    def entry(self, id: str) -> Entry | None:  # noqa: A002  # the field's name
        """An item with its segments and vectors."""
        with self._database.reading() as connection:
            item = reading.item_where(connection, "id = ?", id, self._path)
            return item and reading.entry_of(connection, item, self._space.dimension, self._path)

    def items(
        self, *, under: str = "", modality: Modality | None = None, after: str = "", where: Filter | None = None
    ) -> Iterator[StoredItem]:
        """All items by uri, or those beyond ``after`` whose uri begins with ``under`` (end a folder's with a slash).

        With ``where``, those for which it holds. Memory is flat, and the store may be changed meanwhile: what lies
        ahead is shown as it then is.

        Raises:
            UsageError: the filter makes no sense.
        """
        bounds = reading.prefix_bounds(under)
        wanted = reading.wanted_of(modality, where)
        while True:
            with self._database.reading() as connection:
                page = reading.page_of_items(connection, after, bounds, wanted, self._path)
            yield from page
            if len(page) < reading.PAGE_ITEMS:
                return
            after = page[-1].uri

    def counts(self) -> dict[Modality, int]:
        """How many items there are of each modality that there is."""
        with self._database.reading() as connection:
            return dict(reading.counts_of(connection, self._path))

    def search(
        self,
        queries: Vectors,
        *,
        k: int,
        modalities: Collection[Modality] | None = None,
        towers: Collection[Modality] | None = None,
        where: Filter | None = None,
        best_of_item: bool = False,
    ) -> list[list[SegmentHit]]:
        """The best ``k`` segments for each query (a row), best first, with exact scores; fewer where there are fewer.

        ``modalities`` are of items and ``towers`` of segments (a video has frames and sound), and ``where`` must hold
        for items; all are applied before the search. With ``best_of_item`` an item appears once, with its best, so
        that ``k`` counts items. Equal scores come by item id, then by position in it. Cost O(segments x queries).

        Raises:
            UsageError: k is below one, the queries are not unit float32 rows, or the filter makes no sense.
            SpaceMismatch: the queries have another dimension.
        """
        check_count(k)
        check_modalities(modalities)
        check_modalities(towers)
        check_vectors(queries, self._space.dimension, "the query")
        only = Condition.of(where)
        sought = Sought(
            queries=queries, k=k, modalities=modalities, towers=towers, where=only, best_of_item=best_of_item
        )
        return self._mirror.hits(self._database, sought)

    def match(self, text: str, *, k: int, where: Filter | None = None) -> list[SegmentHit]:
        """The best ``k`` segments for a person's words, over passages and names, by BM25; any word may match.

        With ``where``, only segments of items for which it holds.

        Raises:
            UsageError: k is below one, or the filter makes no sense.
        """
        check_count(k)
        check_filter(where)
        with self._database.reading() as connection:
            return reading.hits_of(connection, self._keywords.match(connection, text, k, where), self._path)

    def snapshot(self) -> None:
        """Write the index to disk as it is now, so that the next opening need not rebuild it."""
        self._keywords.catch_up(self._database)
        self._snapshots.write()

    @property
    def choice(self) -> Choice | None:
        """The index that the store was told to search with; None if its size decides."""
        with self._database.reading() as connection:
            return chosen(connection)

    def choose_index(self, choice: Choice | None) -> None:
        """Search with this index from the next change or opening on, in every process; None lets the size decide."""
        with self._database.writing() as connection:
            store_choice(connection, choice)
            writing.count_change(connection)

    def verify(self) -> list[str]:
        """Every way in which the store contradicts itself; empty if it is sound. Reads everything once or twice."""
        return list(verify.faults(self._database, self._path, self._space.dimension, self._make_index))

    def close(self) -> None:
        """Close the store; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._lock is not None:
                self._keywords.keep_in_step(self._database)
                self._snapshots.write_if_worthwhile()
        finally:
            self._mirror.close()
            self._database.close()
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _first(self, condition: str, value: str) -> StoredItem | None:
        with self._database.reading() as connection:
            return reading.item_where(connection, condition, value, self._path)
