"""More than twice what the service can do, for half a minute: every request is answered, and nothing is left behind.

``python -m benchmarks.overload`` does it for three minutes and looks at times as well.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from benchmarks.overload import TEXTS, Classes, Overloaded, both_classes, capacity_of, overload
from benchmarks.under_load import in_loop
from commonspace.serve.load.figures import Group
from tests.e2e.serving import Served, serving

SECONDS: Final = 30.0
SHORT_SECONDS: Final = 2.0
TIMES: Final = 3.0
"""Of a capacity that was measured in a moment: twice of it for sure."""
GROWTH_BYTES: Final = 150_000_000
"""The cache alone may take 128 MB."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("overload")) as running:
        yield running


@pytest.fixture(scope="module")
def campaign(service: Served) -> tuple[Overloaded, Classes]:
    async def run() -> tuple[Overloaded, Classes]:
        capacity = await capacity_of(service.url, TEXTS, SHORT_SECONDS)
        pushed = await overload(service, capacity, SECONDS, SHORT_SECONDS, times=TIMES)
        return pushed, await both_classes(service.url, capacity, SHORT_SECONDS)

    return in_loop(run)


Campaign = tuple[Overloaded, Classes]


def test_every_request_is_answered_with_vectors_or_told_when_to_come_again(campaign: Campaign) -> None:
    codes = campaign[0].twice.figures.everything.codes
    assert set(codes) == {"ok", "overloaded"}, "a 429 without Retry-After and retry-after-ms is `no_advice`"
    assert codes["ok"] > SECONDS


def test_afterwards_it_is_ready_and_nothing_is_on_the_way(campaign: Campaign) -> None:
    assert campaign[0].ready
    assert campaign[0].settled
    assert campaign[0].after.figures.everything.codes["ok"] > 0


def test_memory_does_not_grow_with_what_is_refused(campaign: Campaign) -> None:
    assert campaign[0].memory.growth_bytes < GROWTH_BYTES


def test_bulk_is_shed_before_what_somebody_waits_for(campaign: Campaign) -> None:
    interactive, bulk = campaign[1].interactive.figures.everything, campaign[1].bulk.figures.everything
    assert set(bulk.codes) | set(interactive.codes) <= {"ok", "overloaded"}
    assert _served(interactive) >= _served(bulk)


def _served(group: Group) -> float:
    return group.codes.get("ok", 0) / group.num_shots
