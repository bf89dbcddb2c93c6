"""A service's stores and jobs in a folder of their own, over the fake space."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
from PIL import Image

from commonspace.apps.collection import Collection
from commonspace.encode.embedder import Embedder
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from commonspace.serve.filling import Filling
from commonspace.serve.folders import Folders
from commonspace.serve.jobs import Jobs
from commonspace.serve.rates import Buckets
from commonspace.serve.settings import Settings
from commonspace.serve.stores import Stores
from tests.fakes import FAKE_SPACE, FakeEngine, fake_embedder

__all__ = ["FakeOpening", "World", "picture", "small_pool", "world"]

Pool = Callable[[], AbstractContextManager[WorkerPool]]


@final
@dataclass(frozen=True)
class FakeOpening:
    """Real stores of the fake space."""

    pool: Pool
    embedder: Embedder

    def create(self, path: Path) -> None:
        Store.create(path, FAKE_SPACE).close()

    def open(self, path: Path) -> Collection:
        reader = Store.open(path, space=FAKE_SPACE, writable=False)
        return Collection(reader, partial(Store.open, path, space=FAKE_SPACE), lambda: self.embedder, self.pool)


def small_pool() -> WorkerPool:
    """One decode worker."""
    return WorkerPool(workers=1)


@final
@dataclass(frozen=True)
class World:
    """What routes find behind the app."""

    settings: Settings
    engine: FakeEngine
    stores: Stores
    jobs: Jobs
    folders: Folders
    buckets: Buckets
    media: Path


def picture(path: Path, seed: int) -> Path:
    """A small picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@contextmanager
def world(folder: Path, pool: Pool | None = None, *, num_open: int = 32, running: bool = True) -> Iterator[World]:
    """Stores and jobs under ``folder/state``; ``folder/media`` may be indexed."""
    media, state = folder / "media", folder / "state"
    media.mkdir(parents=True, exist_ok=True)
    settings = Settings.load({"server.folders": (media,), "server.state_folder": state})
    make_pool = pool or small_pool
    stores = Stores(state / "stores", FakeOpening(make_pool, fake_embedder()), num_open=num_open)
    jobs = Jobs(state)
    folders = Folders(settings.server.folders, private=state)
    buckets = Buckets(settings.rates, time.monotonic)
    filling = Filling(stores, folders, make_pool, jobs.spool)
    if running:
        jobs.start(filling.works())
    try:
        yield World(settings, FakeEngine(), stores, jobs, folders, buckets, media)
    finally:
        jobs.close()
        stores.close()
