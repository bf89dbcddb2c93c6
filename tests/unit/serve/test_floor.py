"""The floor tells what a batch took from what its thread saw, and hands answers out a few at a time."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.tower import Features
from commonspace.serve import floor as module
from commonspace.serve.cost import Curve, Gauge
from commonspace.serve.floor import AT_ONCE, Floor
from commonspace.serve.lane import Lane
from commonspace.serve.meters import Meters
from commonspace.serve.terms import Urgency


@dataclass
class Clock:
    now: float = 100.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Tower:
    """Takes two seconds of the clock for any batch."""

    clock: Clock
    modality: Modality = Modality.IMAGE
    prepare: object = None
    is_done: threading.Event = field(default_factory=threading.Event)

    def encode(self, items: Sequence[Features]) -> Vectors:
        self.clock.now += 2.0
        self.is_done.set()
        return np.eye(len(items), 16, dtype=np.float32)


@dataclass
class Waiter:
    received: list[int]
    wanted: bool = True

    def receive(self, _place: int, row: Vectors, _queue_seconds: float, _inference_seconds: float) -> None:
        self.received.append(int(row.argmax()))


class House:
    """A floor with one slot, its tower, and whom it answers."""

    def __init__(self, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.received = Clock(), list[int]()
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=self.clock.monotonic))
        self.tower = Tower(self.clock)
        self.gauge = Gauge(Curve(base_seconds=0.0, unit_seconds=2.0 / pieces))
        lane = Lane(self.tower, self.gauge)
        self.floor = Floor({Modality.IMAGE: lane}, slots=1, budget_seconds=60.0, meters=Meters())
        terms = {"due": 200.0, "urgency": Urgency.INTERACTIVE, "queued_at": 100.0}
        lane.put(lane.ticket(Waiter(self.received), place, np.zeros(1, np.float32), **terms) for place in range(pieces))


def test_a_slow_event_loop_does_not_make_the_tower_look_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(4, monkeypatch)

    async def run() -> None:
        house.floor.wake()
        house.tower.is_done.wait()  # the loop is busy elsewhere ...
        house.clock.now += 500.0  # ... for a long time
        while house.floor.num_running:  # noqa: ASYNC110  only the loop brings it about
            await asyncio.sleep(0)

    asyncio.run(run())
    assert house.gauge.correction == pytest.approx(1.0)
    assert house.received == [0, 1, 2, 3]


def test_answers_are_handed_out_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(3 * AT_ONCE, monkeypatch)
    seen = set[int]()

    async def run() -> None:
        house.floor.wake()
        while len(house.received) < 3 * AT_ONCE:
            await asyncio.sleep(0)
            seen.add(len(house.received))

    asyncio.run(run())
    assert seen >= {AT_ONCE, 2 * AT_ONCE}
    assert house.received == list(range(3 * AT_ONCE))
