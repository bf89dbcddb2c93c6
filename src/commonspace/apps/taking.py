"""Sources that are no files in a folder are brought into a store: what it holds already is not embedded again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import final

from commonspace.apps.entries import content_hash_of, entries
from commonspace.apps.progress import Progress
from commonspace.core.errors import ItemError
from commonspace.encode.embedder import Embedder
from commonspace.encode.prepare import Prepared
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from commonspace.ingest.source import ItemFailure, Source

__all__ = ["Taken", "take"]

BATCH_ITEMS = 64
BATCH_PIECES = 256


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How it went: stored now, held already, and what could not be used."""

    added: int
    unchanged: int
    failures: tuple[ItemFailure, ...]
    seconds: float


@final
class _Taking:
    def __init__(self, store: Store, embedder: Embedder, total: int, report: Callable[[Progress], None] | None) -> None:
        self._store = store
        self._embedder = embedder
        self._total = total
        self._report = report
        self._started = monotonic()
        self.added = 0
        self.unchanged = 0
        self.failures: list[ItemFailure] = []

    def new(self, sources: Sequence[Source]) -> Iterator[Source]:
        """The sources whose content the store does not hold under their uri."""
        for source in sources:
            known = self._store.find(source.uri)
            try:
                same = known is not None and known.content_hash == content_hash_of(source)
            except ItemError as error:
                self.fail(source, error)
                continue
            if same:
                self.unchanged += 1
                self.say(source.name)
            else:
                yield source

    def keep(self, batch: Sequence[tuple[Source, Prepared]]) -> None:
        """Embed a batch and store it in one change."""
        if batch:
            self._store.put(entries(self._embedder, batch))
            self.added += len(batch)
            self.say(batch[-1][0].name)

    def fail(self, source: Source, error: ItemError) -> None:
        self.failures.append(ItemFailure(uri=source.uri, name=source.name, error=error))
        self.say(source.name, self.failures[-1:])

    def say(self, current: str, news: Sequence[ItemFailure] = ()) -> None:
        if self._report is not None:
            self._report(
                Progress(
                    done=self.added + self.unchanged + len(self.failures),
                    total=self._total,
                    failed=len(self.failures),
                    unchanged=self.unchanged,
                    current=current,
                    seconds=monotonic() - self._started,
                    failures=tuple(news),
                )
            )

    def taken(self) -> Taken:
        return Taken(
            added=self.added,
            unchanged=self.unchanged,
            failures=tuple(self.failures),
            seconds=monotonic() - self._started,
        )


def take(
    filling: tuple[Store, WorkerPool],
    embedder: Embedder,
    sources: Sequence[Source],
    report: Callable[[Progress], None] | None = None,
) -> Taken:
    """Bring sources into a store, batch by batch; safe to interrupt, and run again it goes on.

    Raises:
        StoreError: the store cannot be written; what was reported as done is kept.
    """
    store, pool = filling
    taking = _Taking(store, embedder, len(sources), report)
    batch: list[tuple[Source, Prepared]] = []
    for source, outcome in pool.map(embedder.preparer, taking.new(sources)):
        if isinstance(outcome, ItemError):
            taking.fail(source, outcome)
            continue
        batch.append((source, outcome))
        if len(batch) >= BATCH_ITEMS or sum(len(item.pieces) for _, item in batch) >= BATCH_PIECES:
            taking.keep(batch)
            batch = []
    taking.keep(batch)
    store.snapshot()
    return taking.taken()
