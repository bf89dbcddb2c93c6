"""An engine over fake towers that a test can hold, count and break."""

import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, final

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.tower import Features
from commonspace.ingest.limits import Limits
from commonspace.serve.admission import Admission
from commonspace.serve.cost import Curve, Gauge
from commonspace.serve.decoding import Decoders
from commonspace.serve.engine import Engine
from commonspace.serve.floor import Floor
from commonspace.serve.lane import Lane
from commonspace.serve.meters import Meters
from commonspace.serve.remembered import AnswerCache
from tests.fakes import FakeTower, fake_embedder

__all__ = ["HeldTower", "House", "counter", "house"]

FAST = Curve(base_seconds=1e-4, unit_seconds=1e-7)


@final
@dataclass(eq=False)
class HeldTower:
    """The fake tower, which waits while it is held, remembers its batches, and fails on features of its choice."""

    inner: FakeTower
    free: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list)
    poison: int | None = None

    def __post_init__(self) -> None:
        self.free.set()
        self.began = threading.Semaphore(0)

    @property
    def modality(self) -> Modality:
        return self.inner.modality

    @property
    def prepare(self) -> Any:
        return self.inner.prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        self.batches.append(len(batch))
        self.began.release()
        self.free.wait()
        if self.poison is not None and any(round(float(each[self.poison])) for each in batch):
            raise RuntimeError("the tower is broken")
        return self.inner.encode(batch)


@final
@dataclass(eq=False, kw_only=True)
class House:
    """An engine and what it is made of."""

    engine: Engine
    towers: dict[Modality, HeldTower]
    meters: Meters


@asynccontextmanager
async def house(
    *, slots: int = 1, budget_seconds: float = 1.0, curve: Curve = FAST, objective: float = 60.0, workers: int = 1
) -> AsyncIterator[House]:
    """A started engine; closed afterwards, held towers let go."""
    embedder, meters = fake_embedder(), Meters()
    towers = {modality: HeldTower(FakeTower(modality)) for modality in embedder.space.towers}
    lanes = {modality: Lane(tower, Gauge(curve)) for modality, tower in towers.items()}
    engine = Engine(
        embedder.preparer,
        Decoders(embedder.preparer, Limits(), workers=workers),
        Floor(lanes, slots=slots, budget_seconds=budget_seconds, meters=meters),
        Admission(objectives=dict.fromkeys(Modality, objective), bulk_seconds=600.0),
        cache=AnswerCache(1_000_000),
        meters=meters,
    )
    engine.start()
    try:
        yield House(engine=engine, towers=towers, meters=meters)
    finally:
        for tower in towers.values():
            tower.free.set()
        await engine.close()


def counter(meters: Meters, name: str, **labels: str) -> float:
    """What a counter says; zero where nothing was counted."""
    return meters.registry.get_sample_value(f"commonspace_{name}_total", labels) or 0.0
