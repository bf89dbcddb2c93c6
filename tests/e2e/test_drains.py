"""Stopped or hurt under load, the service loses nothing that it accepted; benchmarks/drains.py does it for longer."""

from pathlib import Path
from typing import Final

import pytest

from benchmarks.drains import MIX, UNREMEMBERED, drain_once, kills, requests_of, worker_ids
from benchmarks.under_load import in_loop, is_ready
from tests.e2e.serving import serving

DRAINS: Final = 2
KILLS: Final = 2


@pytest.mark.parametrize("number", range(DRAINS))
def test_a_signal_under_load_loses_no_accepted_request(number: int, tmp_path: Path) -> None:
    with serving(tmp_path, *UNREMEMBERED) as running:
        drained = in_loop(lambda: drain_once(running, requests_of(MIX, seed=number)))
    assert drained.lost == 0
    assert drained.after_signal > 0, "nothing was under way at the signal"
    assert set(drained.statuses) <= {200, 429}
    assert drained.statuses[200] > 0


def test_killed_workers_are_told_of_and_replaced_while_every_request_is_answered(tmp_path: Path) -> None:
    with serving(tmp_path, *UNREMEMBERED) as running:
        before = worker_ids(running)
        killed, callers = in_loop(lambda: kills(running, KILLS))
        after = worker_ids(running)
        assert in_loop(lambda: is_ready(running.url))
    assert len(killed) == KILLS
    assert (len(before), len(after)) == (2, 2)
    assert {each.process_id for each in killed}.isdisjoint(after)
    assert callers.cut == callers.not_taken == []
    assert set(callers.answered.values()) <= {200, 422, 429}
    assert list(callers.answered.values()).count(422) <= KILLS, "a death costs one item"
