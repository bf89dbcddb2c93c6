"""Brings a store in step with folders and files: new content embedded, changed content replaced, the gone forgotten.

What ``Store.put`` has returned from is kept whatever happens next; a run that was cut short is resumed
by running it again, because unchanged content is recognised by its hash.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import final

from commonspace.apps.describing import Descriptions
from commonspace.apps.entries import content_hash_of, copied, entries, modified_ns_of
from commonspace.apps.forgetting import forget_gone
from commonspace.apps.paths import folder_uri, under_uri
from commonspace.apps.progress import IndexReport, Progress
from commonspace.apps.scribes import Scribes
from commonspace.core.errors import ItemError
from commonspace.encode.embedder import Embedder
from commonspace.encode.prepare import Prepared
from commonspace.index.records import Entry, StoredItem
from commonspace.index.store import Store
from commonspace.ingest.finding import find_sources
from commonspace.ingest.pool import WorkerPool
from commonspace.ingest.source import ItemFailure, Source

__all__ = ["Indexing"]

BATCH_ITEMS = 64
BATCH_PIECES = 256
UNREADABLE = frozenset({"unreadable", "vanished", "link_loop"})
"""Failures that say nothing about the content: what the store knows of the file stays."""


@dataclass(slots=True)
class _Tally:
    """Counts of one run, the uris seen so far, those that may hold others and cannot be read, and new file times."""

    total: int
    added: int = 0
    updated: int = 0
    moved: int = 0
    unchanged: int = 0
    removed: int = 0
    transcribed: int = 0
    read: int = 0
    failures: list[ItemFailure] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)
    times: dict[str, int] = field(default_factory=dict)
    described: list[Entry] = field(default_factory=list)
    num_failed_files: int = 0
    num_told: int = 0

    @property
    def done(self) -> int:
        return self.added + self.updated + self.moved + self.unchanged + self.num_failed_files


@final
class Indexing:
    """One run over some paths. Failures of single files are collected; the run goes on.

    With scribes, sounds and videos get what is said in them as passages, pictures and scanned pages what is written in
    them; those that were indexed without are indexed again. With ``within``, links that lead out of that folder are
    failures and are not followed.
    """

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        pool: WorkerPool,
        report: Callable[[Progress], None] | None = None,
        scribes: Scribes | None = None,
        within: Path | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._pool = pool
        self._report = report
        self._scribes = scribes or Scribes()
        self._within = within
        self._preparer = self._scribes.prepares(embedder.preparer)
        self._descriptions = Descriptions(rows={})
        self._started = monotonic()

    def run(
        self,
        patterns: Sequence[str | Path],
        *,
        gone: Sequence[Path] = (),
        snapshot: bool = True,
        descriptions: Descriptions | None = None,
    ) -> IndexReport:
        """Index every file that the patterns name; forget those that vanished from their folders, and what is ``gone``.

        Items get the fields that ``descriptions`` give them; where only those changed nothing is embedded.
        ``snapshot`` writes the whole index to disk at the end, to open faster; too much after a small change.

        Raises:
            StoreError: the store cannot be written; what was acknowledged is kept.
        """
        self._descriptions = descriptions or self._descriptions
        tally = _Tally(total=self._count(patterns))
        batch: list[tuple[Source, Prepared]] = []
        for source, outcome in self._pool.map(self._preparer, self._changed(patterns, tally)):
            if isinstance(outcome, ItemError):
                self._fail(ItemFailure(uri=source.uri, name=source.name, error=outcome), tally)
                continue
            batch.append((source, self._scribed(outcome, tally)))
            if len(batch) >= BATCH_ITEMS or sum(len(item.pieces) for _, item in batch) >= BATCH_PIECES:
                self._keep(batch, tally)
                batch = []
        self._keep(batch, tally)
        self._describe(tally)
        self._forget(patterns, tally)
        tally.removed += forget_gone(self._store, gone)
        if tally.times:
            self._store.touch(tally.times)
        if snapshot:
            self._store.snapshot()
        return IndexReport(
            added=tally.added,
            updated=tally.updated,
            moved=tally.moved,
            unchanged=tally.unchanged,
            removed=tally.removed,
            failures=tuple(tally.failures),
            transcribed=tally.transcribed,
            read=tally.read,
            seconds=monotonic() - self._started,
        )

    def _found(self, patterns: Sequence[str | Path]) -> Iterator[Source | ItemFailure]:
        """What the patterns name, less the store's own files: a store may lie in the folder that it indexes."""
        own = under_uri(self._store.path)
        return (found for found in find_sources(patterns, within=self._within) if not found.uri.startswith(own))

    def _count(self, patterns: Sequence[str | Path]) -> int:
        """How many files there are to settle; standard input can be read only once, so it is not opened here."""
        named = [pattern for pattern in patterns if pattern != "-"]
        return sum(1 for _ in self._found(named)) + ("-" in patterns)

    def _changed(self, patterns: Sequence[str | Path], tally: _Tally) -> Iterator[Source]:
        """The sources whose content the store does not hold under their uri."""
        for found in self._found(patterns):
            tally.seen.add(found.uri)
            if isinstance(found, ItemFailure):
                self._fail(found, tally)
                continue
            modified_ns = modified_ns_of(found)
            try:
                content_hash = content_hash_of(found)
            except ItemError as error:
                self._fail(ItemFailure(uri=found.uri, name=found.name, error=error), tally)
                continue
            known = self._store.find(found.uri)
            if known is not None and known.content_hash == content_hash and not self._scribes.lacks(known):
                self._hold(known, tally)
                if modified_ns is not None and modified_ns != known.modified_ns:
                    tally.times[known.id] = modified_ns  # the vectors stay, for the content does
                self._say(found.name, tally)
            elif (twin := copied(self._store, found, content_hash)) is not None and not self._scribes.lacks(twin.item):
                self._store.put(self._descriptions.applied(self._store, [twin]))
                tally.moved += 1
                self._say(found.name, tally)
            else:
                yield found

    def _hold(self, known: StoredItem, tally: _Tally) -> None:
        """Count an item whose content is as it was, and give it new fields if there are any."""
        if not self._descriptions.changes(known):
            tally.unchanged += 1
            return
        tally.updated += 1
        tally.described += self._descriptions.family(self._store, known)
        if len(tally.described) >= BATCH_PIECES:
            self._store.put(tally.described)
            tally.described = []

    def _describe(self, tally: _Tally) -> None:
        """Give fields to stored items that this run did not come by; rows about nothing known are failures."""
        for uri in self._descriptions.rows.keys() - tally.seen:
            known = self._store.find(uri)
            if known is not None and self._descriptions.changes(known):
                self._hold(known, tally)
        self._store.put(tally.described)
        tally.described = []
        tally.failures += self._descriptions.strangers(self._store, tally.seen)

    def _scribed(self, prepared: Prepared, tally: _Tally) -> Prepared:
        scribed = self._scribes.write(prepared, self._preparer)
        tally.transcribed += scribed.is_transcribed
        tally.read += scribed.is_read
        return scribed.prepared

    def _keep(self, batch: Sequence[tuple[Source, Prepared]], tally: _Tally) -> None:
        """Embed a batch and put it into the store: after this its items are acknowledged."""
        if not batch:
            return
        known = sum(self._store.find(source.uri) is not None for source, _ in batch)
        self._store.put(self._descriptions.applied(self._store, entries(self._embedder, batch)))
        tally.updated += known
        tally.added += len(batch) - known
        for _, prepared in batch:
            tally.failures += prepared.failures
        self._say(batch[-1][0].name, tally)

    def _fail(self, failure: ItemFailure, tally: _Tally) -> None:
        """Note a failure; content that changed into something unusable is forgotten, not kept stale."""
        tally.failures.append(failure)
        tally.num_failed_files += 1
        known = self._store.find(failure.uri)
        if failure.error.item_code in UNREADABLE:
            tally.unreadable.append(failure.uri.rstrip("/") + "/")
        if known is not None and failure.error.item_code not in UNREADABLE:
            tally.removed += self._store.remove([known.id])
        self._say(failure.name, tally)

    def _forget(self, patterns: Sequence[str | Path], tally: _Tally) -> None:
        """Remove what lies under an indexed folder in the store but no longer on disk; not what cannot be looked at."""
        for pattern in patterns:
            folder = folder_uri(pattern)
            if folder is None:
                continue
            gone = [
                item.id
                for item in self._store.items(under=folder)
                if item.parent is None
                and item.uri not in tally.seen
                and not item.uri.startswith(tuple(tally.unreadable))
            ]
            tally.removed += self._store.remove(gone)

    def _say(self, current: str, tally: _Tally) -> None:
        news = tuple(tally.failures[tally.num_told :])
        tally.num_told = len(tally.failures)
        if self._report is not None:
            self._report(
                Progress(
                    done=tally.done,
                    total=tally.total,
                    failed=tally.num_failed_files,
                    unchanged=tally.unchanged,
                    current=current,
                    seconds=monotonic() - self._started,
                    failures=news,
                )
            )
