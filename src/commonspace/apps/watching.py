"""Live folders: the store is brought in step with them once, then follows what changes, until told to stop.

Events only say where to look. A file is taken up when it has been still for a moment, so a half-written one waits, and
one that was taken up too early comes again with its next change. Lost events are made good by comparing names, sizes
and times with the store: after a flood of events, when a folder comes back, and every few minutes.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol, final

from commonspace.apps.drift import Stamp, drifted, path_of, stamp_of
from commonspace.apps.progress import IndexReport
from commonspace.core.errors import StoreBusy, UsageError
from commonspace.index.store import Store
from commonspace.ingest.live import Stop

__all__ = ["MANY_CHANGES", "Pace", "Watching", "folders_of"]

MANY_CHANGES = 4_000
"""A batch this large may have lost some: the operating system's queue is not much longer."""

_log = logging.getLogger(__name__)


class Changes(Protocol):
    """Where batches of changed paths come from."""

    def __call__(
        self, folders: Sequence[Path], *, wanted: Callable[[Path], bool], stop: Stop
    ) -> Iterator[frozenset[Path]]:
        """Batches, empty ones now and then; ends when told to, or when a folder is gone as it begins."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a file must have been still, and how often everything is compared; seconds."""

    quiet_seconds: float = 1.0
    compare_seconds: float = 300.0


@dataclass(slots=True)
class _Pending:
    """A path that something happened to: how it looked last, and since when it looks like that."""

    stamp: Stamp | None
    since_seconds: float


@final
class Watching:
    """One watch over some folders. ``take_up`` brings the store in step with files and folders, and forgets the gone.

    The store given here is only read; the writer's lock is held only while ``take_up`` runs.
    """

    def __init__(
        self,
        store: Store,
        folders: Sequence[Path],
        take_up: Callable[[Sequence[Path], Sequence[Path]], IndexReport],
        changes: Changes,
        pace: Pace | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._folders = folders
        self._take_up = take_up
        self._changes = changes
        self._pace = pace or Pace()
        self._now = now
        self._pending: dict[Path, _Pending] = {}
        self._unusable: dict[Path, Stamp | None] = {}
        self._compared_seconds = now()

    def run(self, stop: Stop) -> Iterator[IndexReport]:
        """First what it took to bring the store in step, then a report for every batch of changes that mattered.

        Raises:
            StoreBusy: another process is writing as it begins; later ones are waited for.
            StoreError: the store cannot be written.
        """
        begun = False
        while not stop.is_set():
            present = [folder for folder in self._folders if folder.is_dir()]
            here = _identities(self._folders)
            for batch in self._changes(present, wanted=self._wanted, stop=stop):
                if not begun:
                    begun = True
                    yield self._remember(self._take_up(self._folders, ()))
                    self._compared_seconds = self._now()
                    continue
                self._note(batch)
                report = self._settle()
                if report is not None:
                    yield report
                if _identities(self._folders) != here:
                    self._compare()  # a folder came back, or is another one now
                    break

    def _wanted(self, path: Path) -> bool:
        """Whether a path is below a folder, not hidden, and not the store's own."""
        if path.is_relative_to(self._store.path.absolute()):
            return False
        for folder in self._folders:
            if path.is_relative_to(folder):
                return not any(part.startswith(".") for part in path.relative_to(folder).parts)
        return False

    def _note(self, batch: Collection[Path]) -> None:
        """Remember what may have changed; after a flood, or after a while, compare everything instead."""
        if len(batch) >= MANY_CHANGES or self._now() - self._compared_seconds >= self._pace.compare_seconds:
            self._compare()
        for path in batch:
            if path.is_dir():  # what came with it, or before it was watched, has sent no event
                self._wait_for(drifted(self._store, [path], self._wanted))
            else:
                self._unusable.pop(path, None)
                self._wait_for([path])

    def _compare(self) -> None:
        self._compared_seconds = self._now()
        found = drifted(self._store, [folder for folder in self._folders if folder.is_dir()], self._wanted)
        self._wait_for(path for path in found if path not in self._unusable or self._unusable[path] != stamp_of(path))

    def _wait_for(self, paths: Collection[Path] | Iterator[Path]) -> None:
        for path in paths:
            self._pending.setdefault(path, _Pending(stamp_of(path), self._now()))

    def _settle(self) -> IndexReport | None:
        """Take up what has been still for long enough; None if there is nothing, or nothing came of it."""
        now = self._now()
        still: list[Path] = []
        for path, waiting in self._pending.items():
            stamp = stamp_of(path)
            if stamp != waiting.stamp:
                waiting.stamp, waiting.since_seconds = stamp, now
            elif now - waiting.since_seconds >= self._pace.quiet_seconds:
                still.append(path)
        if not still:
            return None
        gone = {path for path in still if self._pending[path].stamp is None and not path.is_symlink()}
        present = [path for path in still if path not in gone]
        try:
            report = self._take_up(present, sorted(path for path in gone if self._may_be_forgotten(path)))
        except StoreBusy as error:
            _log.warning("Changes wait: %s", error)
            return None
        for path in still:
            del self._pending[path]
        report = self._remember(report)
        mattered = report.added or report.updated or report.moved or report.removed or report.failures
        return report if mattered else None

    def _may_be_forgotten(self, path: Path) -> bool:
        """What is gone with its whole folder may come back with it: a disk that was taken out."""
        return any(path.is_relative_to(folder) and folder.is_dir() for folder in self._folders)

    def _remember(self, report: IndexReport) -> IndexReport:
        """Keep in mind which files cannot be used as they are, so that comparing does not bring them up again."""
        for failure in report.failures:
            path = path_of(failure.uri)
            self._unusable[path] = stamp_of(path)
        return report


def folders_of(paths: Sequence[str | Path]) -> list[Path]:
    """The folders to follow, absolute.

    Raises:
        UsageError: there is none, or one of the paths is no folder.
    """
    folders = [Path(path).expanduser().absolute() for path in paths]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(
                f"'{folder}' is no folder, and only folders can be followed.", fix="Name the folder that holds it."
            )
    if not folders:
        raise UsageError("There is nothing to follow.", fix="Name at least one folder.")
    return folders


def _identities(folders: Sequence[Path]) -> list[tuple[int, int] | None]:
    """Which folders lie at these paths, if any: another one in the same place is another one."""
    found: list[tuple[int, int] | None] = []
    for folder in folders:
        try:
            status = folder.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_dev, status.st_ino))
    return found
