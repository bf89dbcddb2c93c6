"""A bad item costs itself; its neighbours, its worker's successor and the caller go on."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import CommonspaceError, ItemError, UsageError
from commonspace.ingest.limits import Limits
from commonspace.ingest.pool import IN_FLIGHT_PER_WORKER, WorkerPool
from tests.unit.ingest import jobs

HASTY = replace(Limits(), item_seconds=1.5, longest_seconds=6.0)


def test_every_item_comes_back_once_with_its_own_result() -> None:
    with WorkerPool(workers=2) as pool:
        results = dict(pool.map(jobs.double, range(300)))
    assert results == {number: 2 * number for number in range(300)}


def test_an_empty_supply_gives_nothing() -> None:
    with WorkerPool(workers=1) as pool:
        assert list(pool.map(jobs.double, [])) == []


def test_each_kind_of_misbehaviour_costs_one_item_and_says_why() -> None:
    items = ["fine", "refuse", "fail", "die", "hog", "spin", "interrupt", "fine again"]
    with WorkerPool(workers=2, limits=replace(HASTY, item_seconds=4.0, longest_seconds=8.0)) as pool:
        outcomes = dict(pool.map(jobs.misbehave, items))
    codes = {
        item: outcome.item_code if isinstance(outcome, ItemError) else outcome for item, outcome in outcomes.items()
    }
    assert codes == {
        "fine": "fine",
        "refuse": "corrupt",
        "fail": "decoder_failed",
        "die": "decoder_died",
        "hog": "out_of_memory",
        "spin": "timeout",
        "interrupt": "interrupt",
        "fine again": "fine again",
    }
    assert "secret" not in str(outcomes["fail"])
    assert "0x" not in str(outcomes["fail"])


def test_progress_keeps_a_long_item_alive_but_not_for_ever() -> None:
    with WorkerPool(workers=2, limits=replace(HASTY, item_seconds=1.0, longest_seconds=3.5)) as pool:
        outcomes = dict(pool.map(jobs.pace, [2.0, 60.0]))
    assert outcomes[2.0] == 2.0
    assert isinstance(outcomes[60.0], ItemError)
    assert outcomes[60.0].item_code == "timeout"


def test_items_are_taken_lazily_and_a_bounded_number_ahead() -> None:
    taken: list[int] = []

    def supply() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    with WorkerPool(workers=1) as pool:
        results = pool.map(jobs.double, supply())
        assert taken == []
        next(results)
        assert len(taken) <= IN_FLIGHT_PER_WORKER + 1
        results.close()


def test_items_are_taken_in_the_callers_thread() -> None:
    threads: set[int] = set()

    def supply() -> Iterator[int]:
        for number in range(50):
            threads.add(threading.get_ident())
            yield number

    with WorkerPool(workers=1) as pool:
        assert len(list(pool.map(jobs.double, supply()))) == 50
    assert threads == {threading.get_ident()}


def test_large_results_arrive_whole() -> None:
    with WorkerPool(workers=1) as pool:
        assert [len(result) for _, result in pool.map(jobs.grow, [5_000_000, 1])] == [5_000_000, 1]


def test_workers_are_kept_for_the_next_map_and_take_its_function() -> None:
    with WorkerPool(workers=1) as pool:
        first = {pid for _, pid in pool.map(jobs.worker_pid, range(3))}
        assert dict(pool.map(jobs.double, [4])) == {4: 8}
        assert {pid for _, pid in pool.map(jobs.worker_pid, range(3))} == first


def test_leaving_early_or_an_error_in_the_supply_leaves_a_usable_pool() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with WorkerPool(workers=1) as pool:
        for _ in pool.map(jobs.double, range(100)):
            break
        with pytest.raises(ZeroDivisionError):
            list(pool.map(jobs.double, broken()))
        assert dict(pool.map(jobs.double, [3])) == {3: 6}


def test_a_second_map_at_the_same_time_is_refused() -> None:
    with WorkerPool(workers=1) as pool:
        first = pool.map(jobs.double, range(5))
        next(first)
        with pytest.raises(UsageError):
            next(pool.map(jobs.double, [1]))
        assert len(list(first)) == 4


def test_a_function_that_workers_cannot_import_is_one_clear_error(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from commonspace.core.errors import CommonspaceError\n"
        "from commonspace.ingest.pool import WorkerPool\n"
        "def mine(x): return x\n"
        "with WorkerPool(workers=1) as pool:\n"
        "    try:\n"
        "        list(pool.map(mine, [1]))\n"
        "    except CommonspaceError as error:\n"
        "        print('told:', error.fix)\n"
    )
    assert "importable modules" in _run(script)


def test_a_memory_limit_too_small_to_start_in_is_one_clear_error() -> None:
    tight = replace(Limits(), worker_bytes=20_000_000)
    with WorkerPool(workers=1, limits=tight) as pool, pytest.raises(CommonspaceError, match="do not start"):
        list(pool.map(jobs.double, [1]))


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal\n"
        "from commonspace.ingest.pool import WorkerPool\n"
        "from tests.unit.ingest import jobs\n"
        "with WorkerPool(workers=2) as pool:\n"
        "    pids = {pid for _, pid in pool.map(jobs.worker_pid, range(200))}\n"
        "    print(*pids, flush=True)\n"
        "    next(pool.map(jobs.misbehave, ['fine', 'spin', 'spin']))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    pids = [int(word) for word in _run(script).split()]
    assert pids
    assert _gone(pids, within_seconds=10.0)


def test_closing_leaves_no_process_behind() -> None:
    with WorkerPool(workers=2) as pool:
        pids = {pid for _, pid in pool.map(jobs.worker_pid, range(200))}
    assert _gone(list(pids), within_seconds=0.0)


def test_the_peak_memory_of_workers_is_reported() -> None:
    with WorkerPool(workers=1) as pool:
        list(pool.map(jobs.grow, [60_000_000]))
        assert 60_000_000 < pool.peak_worker_bytes < Limits().worker_bytes


def test_the_parents_own_memory_is_not_counted_as_a_workers() -> None:
    ballast = bytearray(b"x" * 700_000_000)
    with WorkerPool(workers=1) as pool:
        list(pool.map(jobs.double, [1]))
        assert pool.peak_worker_bytes < len(ballast) // 2


def _run(script: Path) -> str:
    path = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=path, check=False, timeout=60)
    return done.stdout + done.stderr


def _gone(pids: list[int], *, within_seconds: float) -> bool:
    """Whether none of the processes runs any more (a zombie has ended)."""
    end = time.monotonic() + within_seconds
    while True:
        if not any(_runs(pid) for pid in pids):
            return True
        if time.monotonic() >= end:
            return False


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_worker_can_reach_nobody_and_start_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, WorkerPool(workers=1, limits=HASTY) as pool:
        [(_, dialled)] = pool.map(jobs.dial, [listener.getsockname()])
        [(_, started)] = pool.map(jobs.start_program, [["true"]])
        [(_, fine)] = pool.map(jobs.misbehave, ["fine"])
        listener.setblocking(False)  # noqa: FBT003
        with pytest.raises(BlockingIOError):
            listener.accept()

    assert [outcome.cause for outcome in (dialled, started)] == [
        "The decoder stopped in an unforeseen way (PermissionError)."
    ] * 2
    assert fine == "fine"


@pytest.mark.parametrize("count", [1, 4_095, 4_096, 1_000_003])
def test_arrays_of_any_size_come_back_as_they_were_and_can_be_written_to(count: int) -> None:
    with WorkerPool(workers=1, limits=HASTY) as pool:
        answers = [outcome for _, outcome in pool.map(jobs.squares, [count, count])]

    for answer in answers:
        assert np.array_equal(answer["numbers"], np.arange(count) ** 2.0)
        assert np.array_equal(answer["few"], [0, 1, 2])
        answer["numbers"][0] = 7
        assert answer["again"][0][0] == 7
    assert answers[0]["numbers"].base is not answers[1]["numbers"].base
