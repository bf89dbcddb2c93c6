"""Everything that answers requests, put together once and handed to whoever speaks to the outside."""

from dataclasses import dataclass
from typing import final

from commonspace.serve.engine import Engine
from commonspace.serve.fetch import Fetcher
from commonspace.serve.filling import Filling
from commonspace.serve.folders import Folders
from commonspace.serve.jobs import Jobs
from commonspace.serve.keys import Keyring
from commonspace.serve.meters import Meters
from commonspace.serve.rates import Buckets
from commonspace.serve.settings import Settings
from commonspace.serve.stores import Stores

__all__ = ["Backend", "Model"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is told of the space that is served."""

    name: str
    version: str
    licence: str
    description: str
    calibrated: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The parts of a running service. ``keys`` is None where none can be asked for."""

    settings: Settings
    model: Model
    engine: Engine
    meters: Meters
    buckets: Buckets
    keys: Keyring | None
    fetcher: Fetcher
    stores: Stores
    jobs: Jobs
    folders: Folders
    filling: Filling

    def start(self) -> None:
        """Let jobs run."""
        self.jobs.start(self.filling.works())

    def close(self) -> None:
        """Let go of every file; the engine and the jobs must have stopped."""
        self.stores.close()
        if self.keys is not None:
            self.keys.close()
