"""kill -9 at random moments of writing: the store holds what was acknowledged, all of it, once, and nothing torn.

The change in flight may be there, whole, or not at all. ``COMMONSPACE_CRASH_CYCLES`` says how often (50), and
``COMMONSPACE_CRASH_SEED`` picks the moments.
"""

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import final

import pytest

from commonspace.index.exact import ExactIndex
from commonspace.index.records import Entry
from commonspace.index.store import Store
from tests.crash.operations import after, change, small_indexes
from tests.unit.index.making import SPACE, found, ranking, same_entry, vectors

CYCLES = int(os.environ.get("COMMONSPACE_CRASH_CYCLES", "50"))
SEED = int(os.environ.get("COMMONSPACE_CRASH_SEED", "0"))
LONGEST_RUN_SECONDS = 0.15
START_SECONDS = 60.0
QUERIES = vectors(2, seed=1)


@final
class Writers:
    """Starts writers on a store, and kills them."""

    def __init__(self, path: Path) -> None:
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        paths = os.pathsep.join(each for each in sys.path if each)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.store_child", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **threads, "PYTHONPATH": paths},
        )
        self._unread = b""

    def run(self, first: int, seconds: float) -> int | None:
        """Let one write from change ``first`` on for so long after its first; says which it acknowledged last."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{first}\n".encode())
        self._process.stdin.flush()
        pid, last, deadline = 0, None, monotonic() + START_SECONDS
        while (line := self._line(deadline)) is not None:
            if line[0] == "pid":
                pid = int(line[1])
            elif line[0] == "ack":
                deadline = monotonic() + seconds if last is None else deadline
                last = int(line[1])
            else:
                pytest.fail("the writer died by itself")
        os.kill(pid, signal.SIGKILL)
        while (line := self._line(monotonic() + START_SECONDS)) is not None and line[0] == "ack":
            last = int(line[1])
        assert line == ["dead", str(int(signal.SIGKILL))]
        return last

    def close(self) -> None:
        """Send the forking process home."""
        self._process.communicate(timeout=START_SECONDS)

    def _line(self, deadline: float) -> list[str] | None:
        """The next line, in words; None if there is none by the deadline."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            if not select.select([pipe], [], [], max(deadline - monotonic(), 0.0))[0]:
                return None
            chunk = os.read(pipe, 65_536)
            assert chunk, "the forking process died"
            self._unread += chunk
        line, self._unread = self._unread.split(b"\n", 1)
        return line.decode().split()


def difference(store: Store, state: Mapping[str, Entry]) -> str | None:
    """How the store differs from ``state``, item by item and bit by bit; None if it does not."""
    listed = [item.uri for item in store.items()]
    if listed != sorted(state):
        return f"items: {sorted({*listed} ^ {*state}) or 'one twice'}"
    for uri, expected in state.items():
        if not same_entry(store.entry(expected.item.id), expected):
            return f"{uri} is not as it was put"
    if store.num_segments != sum(len(each.segments) for each in state.values()):
        return "segments: too many or too few"
    return None


def check(path: Path, allowed: list[dict[str, Entry]]) -> dict[str, Entry]:
    """Open the store after a crash; it must be sound, hold one of the states allowed, and search it exactly."""
    with Store.open(path, space=SPACE, make_index=ExactIndex) as store:
        assert store.verify() == []
        differences = [difference(store, state) for state in allowed]
        assert None in differences, differences
        state = allowed[differences.index(None)]
        answers = store.search(QUERIES, k=5)
        assert [found(hits) for hits in answers] == [ranking(list(state.values()), query, 5) for query in QUERIES]
        texts = {segment.text for each in state.values() for segment in each.segments}
        assert {hit.text for hit in store.match("change", k=10_000)} == texts
    with Store.open(path, space=SPACE) as store:
        assert store.search(QUERIES, k=5) == answers, "the index that the store chose says something else"
    return state


def crash_often(path: Path, cycles: int, seed: int) -> int:
    """Crash and check ``cycles`` times, each child going on where the last was stopped; returns how many changes."""
    draw = random.Random(seed)
    number, state = 1, dict[str, Entry]()
    small_indexes()
    Store.create(path, SPACE).close()
    writers = Writers(path)
    for _ in range(cycles):
        last = writers.run(number, draw.random() * LONGEST_RUN_SECONDS)
        while last is not None and number <= last:
            state, number = after(state, change(number)), number + 1
        state = check(path, [state, after(state, change(number))])
        number += 1
    writers.close()
    return number


@pytest.mark.timeout(60 + 10 * CYCLES)
def test_after_a_crash_the_store_holds_exactly_what_was_acknowledged(tmp_path: Path) -> None:
    assert crash_often(tmp_path / "media.cs", CYCLES, SEED) > CYCLES


def test_the_crash_test_sees_a_lost_change(tmp_path: Path) -> None:
    """Were a change acknowledged and then lost, the check would name it."""
    state = after({}, change(1))
    with Store.create(tmp_path / "s", SPACE) as store:
        store.put(change(1).put)

    assert check(tmp_path / "s", [state]) == state
    with pytest.raises(AssertionError, match="items"):
        check(tmp_path / "s", [after(state, change(2))])


def test_the_crash_test_sees_a_change_in_pieces(tmp_path: Path) -> None:
    """Were the entries of one call committed one by one, some moment would show a part of them."""
    whole = next(current for current in map(change, range(1, 99)) if len(current.put) > 2)
    with Store.create(tmp_path / "s", SPACE) as store:
        for each in [each for each in whole.put if each.item.parent is None][:1]:
            store.put([each])

    with pytest.raises(AssertionError):
        check(tmp_path / "s", [{}, after({}, whole)])
