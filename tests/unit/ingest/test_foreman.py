"""The foreman's count of workers: who is missing is missed, and who is merely renewed is not."""

import os
import signal
from queue import SimpleQueue

import pytest

from commonspace.core.errors import CommonspaceError
from commonspace.ingest import crew
from commonspace.ingest.crew import Finished
from commonspace.ingest.foreman import Foreman
from commonspace.ingest.limits import Limits

Outbox = SimpleQueue[Finished | CommonspaceError]


def counted(foreman: Foreman, outbox: Outbox, ticket: int) -> set[int]:
    """What the foreman says, again and again, until it has had a word shouted."""
    foreman.submit(ticket, "heron")
    seen = {foreman.num_ready}
    while outbox.empty():
        seen.add(foreman.num_ready)
    finished = outbox.get()
    assert isinstance(finished, Finished)
    assert finished.outcome == "HERON"
    return seen


@pytest.fixture
def outbox() -> Outbox:
    return SimpleQueue()


@pytest.fixture
def foreman(outbox: Outbox, monkeypatch: pytest.MonkeyPatch):  # noqa: ANN201  a generator of one
    monkeypatch.setattr(crew, "ITEMS_PER_WORKER", 2)
    made = Foreman(str.upper, 1, Limits(), deliver=outbox.put, fail=outbox.put)
    counted(made, outbox, 0)
    yield made
    made.stop()


def test_a_worn_worker_is_renewed_without_being_missed(foreman: Foreman, outbox: Outbox) -> None:
    first = foreman.pids
    assert [counted(foreman, outbox, ticket) for ticket in (1, 2)] == [{1}, {1}]
    assert foreman.pids != first


def test_a_worker_that_dies_is_missed_until_another_is_ready(foreman: Foreman, outbox: Outbox) -> None:
    os.kill(foreman.pids[0], signal.SIGKILL)
    while foreman.num_ready:
        pass
    assert counted(foreman, outbox, 1) <= {0, 1}
    assert foreman.num_ready == 1
