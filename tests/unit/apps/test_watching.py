"""A live folder and the store stay in step: adds, changes, moves, deletions, half-written files, lost events."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Event, Thread

import numpy as np
import pytest
from PIL import Image

from commonspace.apps.collection import Collection
from commonspace.apps.drift import drifted
from commonspace.apps.progress import IndexReport
from commonspace.apps.watching import Pace, folders_of
from commonspace.core.errors import CommonspaceError, MissingExtra, UsageError
from commonspace.index.store import Store
from commonspace.ingest import live
from commonspace.ingest.pool import WorkerPool
from tests.fakes import FAKE_SPACE, fake_embedder

WAIT_SECONDS = 60
QUICK = Pace(quiet_seconds=0.2)


def picture(path: Path, seed: int) -> Path:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(workers=1) as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    picture(folder / "one.png", 1)
    return folder


@pytest.fixture
def collection(folder: Path, pool: WorkerPool) -> Iterator[Collection]:
    """A collection whose store lies in the folder that is watched."""
    path = folder / "media.cs"
    Store.create(path, FAKE_SPACE).close()
    reader = Store.open(path, writable=False)
    with Collection(reader, partial(Store.open, path), fake_embedder, lambda: nullcontext(pool)) as opened:
        yield opened


class Live:
    """A watch in a thread of its own, and what it has reported."""

    def __init__(self, collection: Collection, folder: Path) -> None:
        self.collection = collection
        self.stop = Event()
        self._reports: Queue[IndexReport | CommonspaceError | None] = Queue()
        self._thread = Thread(target=self._run, args=(folder,))
        self._thread.start()
        self.first = self.report()

    def _run(self, folder: Path) -> None:
        try:
            for report in self.collection.watch([folder], stop=self.stop, pace=QUICK):
                self._reports.put(report)
        except CommonspaceError as error:
            self._reports.put(error)
        finally:
            self._reports.put(None)

    def report(self) -> IndexReport:
        """The next report; whatever ends the watch is raised here."""
        report = self._reports.get(timeout=WAIT_SECONDS)
        if isinstance(report, CommonspaceError):
            raise report
        assert report is not None, "the watch has ended"
        return report

    def names(self) -> list[str]:
        return sorted(item.name for item in self.collection.items())

    def until(self, held: Callable[[], bool]) -> list[IndexReport]:
        """The reports that it took until something holds."""
        reports: list[IndexReport] = []
        while not held():
            reports.append(self.report())
        return reports

    def close(self) -> None:
        self.stop.set()
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture
def watched(collection: Collection, folder: Path) -> Iterator[Live]:
    with closing(Live(collection, folder)) as started:
        yield started


def test_it_begins_by_bringing_the_store_in_step(watched: Live) -> None:
    assert (watched.first.added, watched.names()) == (1, ["one.png"])


def test_files_that_come_change_move_and_go_are_followed(watched: Live, folder: Path) -> None:
    picture(folder / "two.png", 2)
    (added,) = watched.until(lambda: watched.names() == ["one.png", "two.png"])
    picture(folder / "two.png", 3)
    (changed,) = watched.until(lambda: watched.collection.search(folder / "two.png", k=1)[0].score > 0.999)
    (folder / "two.png").rename(folder / "three.png")
    (moved,) = watched.until(lambda: watched.names() == ["one.png", "three.png"])
    (folder / "three.png").unlink()
    (gone,) = watched.until(lambda: watched.names() == ["one.png"])

    assert (added.added, changed.updated) == (1, 1)
    assert (moved.moved, moved.added, moved.removed) == (1, 0, 1)
    assert gone.removed == 1


def test_a_folder_that_is_moved_in_comes_with_all_that_is_in_it(watched: Live, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    picture(tmp_path / "outside" / "deep" / "two.png", 2)
    (tmp_path / "outside").rename(folder / "inside")
    watched.until(lambda: watched.names() == ["one.png", "two.png"])
    picture(folder / "inside" / "deep" / "three.png", 3)
    watched.until(lambda: watched.names() == ["one.png", "three.png", "two.png"])
    (folder / "inside").rename(tmp_path / "outside")
    watched.until(lambda: watched.names() == ["one.png"])


def test_hidden_files_and_the_stores_own_are_left_alone(watched: Live, folder: Path) -> None:
    picture(folder / ".hidden.png", 2)
    (folder / ".cache").mkdir()
    picture(folder / ".cache" / "three.png", 3)
    picture(folder / "four.png", 4)

    (report,) = watched.until(lambda: "four.png" in watched.names())

    assert (report.added, report.failures) == (1, ())
    assert watched.names() == ["four.png", "one.png"]


def test_a_file_that_was_taken_up_half_written_is_right_in_the_end(watched: Live, folder: Path, tmp_path: Path) -> None:
    data = picture(tmp_path / "whole.png", 5).read_bytes()
    with (folder / "slow.png").open("wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        half = watched.report()
        file.write(data[len(data) // 2 :])
    watched.until(lambda: "slow.png" in watched.names())

    assert [failure.name for failure in half.failures] == ["slow.png"]
    assert watched.collection.search(tmp_path / "whole.png", k=1)[0].score == pytest.approx(1.0, abs=1e-5)


def test_a_name_that_was_only_for_writing_leaves_nothing_behind(watched: Live, folder: Path, tmp_path: Path) -> None:
    shutil.copy(picture(tmp_path / "whole.png", 6), folder / "film.png.part")
    (folder / "film.png.part").rename(folder / "film.png")
    watched.until(lambda: watched.names() == ["film.png", "one.png"])


def test_a_folder_that_vanishes_is_waited_for_and_forgets_nothing(watched: Live, folder: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    folder.rename(away)
    picture(away / "two.png", 2)
    away.rename(folder)
    watched.until(lambda: watched.names() == ["one.png", "two.png"])
    picture(folder / "three.png", 3)
    watched.until(lambda: watched.names() == ["one.png", "three.png", "two.png"])


def test_the_writers_lock_is_free_between_changes(watched: Live, folder: Path) -> None:
    with Store.open(folder / "media.cs"):
        picture(folder / "two.png", 2)
    watched.until(lambda: "two.png" in watched.names())


def test_drift_is_seen_by_name_size_and_time(collection: Collection, folder: Path) -> None:
    collection.index([folder])
    picture(folder / "two.png", 2)
    with Store.open(folder / "media.cs", writable=False) as store:
        before = drifted(store, [folder], lambda path: path.suffix == ".png")
        collection.index([folder])
        same = drifted(store, [folder], lambda path: path.suffix == ".png")
        os.utime(folder / "one.png", ns=(1, 1))
        touched = drifted(store, [folder], lambda path: path.suffix == ".png")
        collection.index([folder])
        settled = drifted(store, [folder], lambda path: path.suffix == ".png")
        (folder / "one.png").unlink()
        gone = drifted(store, [folder], lambda path: path.suffix == ".png")

    assert [{path.name for path in found} for found in (before, same, touched, settled, gone)] == [
        {"two.png"},
        set(),
        {"one.png"},
        set(),
        {"one.png"},
    ]


def test_only_folders_can_be_followed(folder: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        folders_of([folder / "one.png"])
    with pytest.raises(UsageError, match="nothing to follow"):
        folders_of([])


def test_without_watchfiles_the_error_says_what_to_install(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="watchfiles") as caught:
        collection.watch([folder])
    assert "commonspace[watch]" in caught.value.fix
