"""The gate: looking goes together, changing goes alone."""

import sys
import threading
from collections.abc import Iterator

import pytest

from commonspace.index.gate import Gate


def test_two_may_look_at_once() -> None:
    gate, meeting = Gate(), threading.Barrier(2, timeout=10)

    def look() -> None:
        with gate.looking():
            meeting.wait()

    other = threading.Thread(target=look)
    other.start()
    look()
    other.join()

    assert not meeting.broken


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_nobody_looks_while_something_changes_and_no_change_is_lost() -> None:
    gate, pair, torn = Gate(), [0, 0], []

    def change() -> None:
        for _ in range(200):
            with gate.changing():
                first = pair[0]
                sum(range(2_000))
                pair[0] = first + 1
                sum(range(2_000))
                pair[1] += 1

    def look() -> None:
        for _ in range(200):
            with gate.looking():
                before = tuple(pair)
                sum(range(500))
                if pair[0] != pair[1] or before != tuple(pair):
                    torn.append(before)

    threads = [threading.Thread(target=work) for work in (change, look, change, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert torn == []
    assert pair == [400, 400]


def test_an_error_inside_opens_the_gate_again() -> None:
    gate = Gate()
    for way in (gate.looking, gate.changing, gate.looking):
        with pytest.raises(ZeroDivisionError), way():
            _ = 1 / 0

    with gate.changing():
        pass
