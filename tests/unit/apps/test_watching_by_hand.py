"""What no system does on demand: events that get lost, a lock that is taken, time that passes; the test does it."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from commonspace.apps.progress import IndexReport
from commonspace.apps.watching import MANY_CHANGES, Pace, Watching
from commonspace.core.errors import StoreBusy
from commonspace.index.store import Store
from tests.fakes import FAKE_SPACE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(folder / "one.png")
    return folder


Turn = tuple[float, Sequence[Path]]
"""After so many seconds, these paths have changed."""
Taken = list[tuple[list[str], list[str]]]


def by_hand(store: Store, folder: Path, turns: Iterable[Turn], answers: Sequence[Exception | None] = ()) -> Taken:
    """What a watch takes up, present and gone, after it has begun: the test says which events come, and when."""
    clock, taken, pending, given, stop = [0.0], Taken(), iter(turns), iter(answers), Event()

    def changes(*_: object, **__: object) -> Iterator[frozenset[Path]]:
        yield frozenset()
        for seconds, batch in pending:
            clock[0] += seconds
            yield frozenset(batch)
        stop.set()

    def take_up(present: Sequence[Path], gone: Sequence[Path]) -> IndexReport:
        taken.append((sorted(path.name for path in present), sorted(path.name for path in gone)))
        answer = next(given, None) if len(taken) > 1 else None
        if answer is not None:
            raise answer
        return IndexReport(added=1, updated=0, moved=0, unchanged=0, removed=0, failures=(), seconds=0.0)

    list(Watching(store, [folder], take_up, changes, Pace(), lambda: clock[0]).run(stop))
    return taken[1:]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "own.cs", FAKE_SPACE) as created:
        yield created


def test_a_file_that_grows_is_taken_up_when_it_has_been_still(store: Store, folder: Path) -> None:
    path = folder / "slow.txt"

    def growing() -> Iterator[Turn]:
        for length in range(1, 5):
            path.write_text("x" * length)
            yield 0.8, [path]
        for _ in range(3):
            sizes.append(path.stat().st_size)
            yield 0.8, []

    sizes: list[int] = []
    assert by_hand(store, folder, growing()) == [(["slow.txt"], [])]
    assert sizes == [4, 4, 4]


def test_nothing_is_taken_up_before_it_has_been_still(store: Store, folder: Path) -> None:
    assert by_hand(store, folder, [(0.4, [folder / "one.png"]), (0.4, [])]) == []


def test_after_a_flood_everything_is_compared(store: Store, folder: Path) -> None:
    """The flood says nothing of the file: it is found by looking."""
    flood = [folder / f"gone-{number}.png" for number in range(MANY_CHANGES)]

    ((present, _),) = by_hand(store, folder, [(1.0, flood), (2.0, [])])

    assert present == ["one.png"]


def test_a_lost_event_is_made_good_after_a_while(store: Store, folder: Path) -> None:
    assert by_hand(store, folder, [(100.0, [])] * 2) == []
    assert by_hand(store, folder, [(100.0, [])] * 4) == [(["one.png"], [])]


def test_what_is_gone_with_its_whole_folder_is_kept(store: Store, folder: Path) -> None:
    def vanishing() -> Iterator[Turn]:
        shutil.rmtree(folder)
        yield 1.0, [folder / "one.png"]
        yield 2.0, []

    assert all(gone == [] for _, gone in by_hand(store, folder, vanishing()))


def test_changes_wait_while_another_process_writes(store: Store, folder: Path) -> None:
    turns = [(1.0, [folder / "one.png"]), (2.0, []), (2.0, []), (2.0, [])]

    taken = by_hand(store, folder, turns, [StoreBusy("Busy.", fix="Wait.")])

    assert taken == [(["one.png"], [])] * 2
