"""Puts the service together from settings: the concrete parts of the backend, named here and nowhere else."""

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, final

from commonspace.apps.collection import Collection
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.encode.tower import Tower
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from commonspace.serve.admission import Admission
from commonspace.serve.backend import Backend, Model
from commonspace.serve.cost import Gauge
from commonspace.serve.decoding import Decoders
from commonspace.serve.engine import Engine
from commonspace.serve.fetch import Fetcher
from commonspace.serve.filling import Filling
from commonspace.serve.floor import Floor
from commonspace.serve.folders import Folders
from commonspace.serve.jobs import Jobs
from commonspace.serve.keys import Keyring, check_keys_exist
from commonspace.serve.lane import Lane
from commonspace.serve.meters import Meters
from commonspace.serve.rates import Buckets
from commonspace.serve.remembered import AnswerCache, DiskAnswers
from commonspace.serve.settings import Settings
from commonspace.serve.state import state_folder
from commonspace.serve.stores import Stores
from commonspace.serve.warming import measure_curves
from commonspace.shell import wire

__all__ = ["make_backend", "make_engine"]

TOWER_NICENESS: Final = 5
"""Threads that compute give way to the one that answers, or refusals wait for batches; Linux keeps this by thread."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """Stores of the space that is served, whose towers run on the engine's queues."""

    settings: Settings
    space: Space
    engine: Engine

    def create(self, path: Path) -> None:
        """Make an empty store in a new folder."""
        Store.create(path, self.space).close()

    def open(self, path: Path) -> Collection:
        """Open the store in a folder."""
        return wire.open_collection(path, self.settings, embedder=lambda: self.engine.embedder)


def make_backend(settings: Settings) -> Backend:
    """Load the space, measure its towers, and put everything together; nothing runs yet.

    Raises:
        ModelError: the space cannot be loaded.
        UsageError: the state folder or the keys cannot be used.
    """
    server = settings.server
    state = state_folder(server)
    keys = Keyring.open(state)
    check_keys_exist(server, keys)
    meters = Meters()
    engine = make_engine(settings, state, meters)
    stores = Stores(state / "stores", _Opening(settings=settings, space=engine.space, engine=engine))
    jobs = Jobs(state / "jobs")
    folders = Folders(server.folders, private=state)
    return Backend(
        settings=settings,
        model=_model(settings),
        engine=engine,
        meters=meters,
        buckets=Buckets(settings.rates, time.monotonic),
        keys=keys,
        fetcher=Fetcher(settings.fetch),
        stores=stores,
        jobs=jobs,
        folders=folders,
        filling=Filling(
            stores,
            folders,
            partial(WorkerPool, limits=settings.limits, workers=1),
            jobs.spool,
        ),
    )


def make_engine(settings: Settings, state: Path, meters: Meters) -> Engine:
    """The engine over the space's towers, each measured alone."""
    with ThreadPoolExecutor(1, initializer=partial(os.nice, TOWER_NICENESS)) as giving_way:
        embedder = giving_way.submit(wire.load, settings.model, settings).result()
        towers = giving_way.submit(_towers, embedder).result()
        curves = giving_way.submit(measure_curves, embedder.preparer, towers).result()
    logging.getLogger(__name__).info("towers measured")
    server = settings.server
    slots = server.slots or max(1, wire.threads(settings))
    lanes = {modality: Lane(tower, Gauge(curves[modality])) for modality, tower in towers.items()}
    disk = DiskAnswers(state / "answers.db", settings.cache.disk_bytes) if settings.cache.disk_bytes else None
    return Engine(
        embedder.preparer,
        Decoders(embedder.preparer, settings.limits, workers=settings.workers, dropped=partial(meters.dropped, "gone")),
        Floor(lanes, slots=slots, budget_seconds=server.batch_milliseconds / 1000, meters=meters),
        Admission(
            objectives=settings.objectives.seconds(),
            bulk_seconds=server.bulk_seconds,
            least_seconds=server.batch_milliseconds / 1000,
        ),
        cache=AnswerCache(settings.cache.memory_bytes, disk),
        meters=meters,
    )


def _towers(embedder: Embedder) -> dict[Modality, Tower]:
    return {modality: embedder.tower(modality) for modality in embedder.space.towers}


def _model(settings: Settings) -> Model:
    card = catalog.card_of(catalog.folder_of(settings.model, settings.models_folder))
    return Model(
        name=card.space.name,
        version=card.version,
        licence=card.licence,
        description=card.description,
        calibrated=card.calibrated,
    )
