"""Named stores of tenants: each a folder in the service's own, of which the least used are closed again."""

import logging
import re
import secrets
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import time
from typing import Final, Protocol, final

import orjson
from blake3 import blake3

from commonspace.apps.collection import Collection
from commonspace.core.errors import Conflict, NotFound, StoreBusy, StoreError, Unavailable, UsageError

__all__ = ["NAME_PATTERN", "About", "Opening", "Stores"]

NAME_PATTERN: Final = "^[a-z0-9][a-z0-9_-]{0,62}$"
SUFFIX: Final = ".cs"
ABOUT_NAME: Final = "about.json"
GONE_PREFIX: Final = ".gone-"
DRAFT_PREFIX: Final = ".draft-"
OPEN_STORES: Final = 32
STORES_PER_TENANT: Final = 1000

_log = logging.getLogger(__name__)
_NAME = re.compile(NAME_PATTERN.replace("$", r"\Z"))


class Opening(Protocol):
    """How a folder becomes a store; given by whoever knows the space that fills it."""

    def create(self, path: Path) -> None:
        """Make an empty store in a new folder."""
        ...

    def open(self, path: Path) -> Collection:
        """Open the store in a folder."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of a store without opening it; ``created`` is in seconds since 1970."""

    name: str
    description: str
    created: float


@final
@dataclass(slots=True, eq=False)
class _Place:
    """One store that somebody uses or used: open from its first use on."""

    path: Path
    name: str
    num_users: int = 0
    dropped: bool = False
    collection: Collection | None = None
    opening: Lock = field(default_factory=Lock)

    def opened(self, opening: Opening) -> Collection:
        with self.opening:
            if self.collection is None:
                self.collection = opening.open(self.path)
            return self.collection


@final
class Stores:
    """Every method may be called from any thread, and blocks: not for the event loop.

    Another tenant's store is one that is not there. Searches wait for nobody; changes to one store come one after
    another. The folder is for this user alone.
    """

    def __init__(
        self, folder: Path, opening: Opening, *, num_open: int = OPEN_STORES, clock: Callable[[], float] = time
    ) -> None:
        self._folder = folder
        self._opening = opening
        self._num_open = num_open
        self._clock = clock
        self._lock = Lock()
        self._places: OrderedDict[Path, _Place] = OrderedDict()
        self._leaving: dict[Path, int] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for prefix in (GONE_PREFIX, DRAFT_PREFIX):
            for remains in folder.glob(f"*/{prefix}*"):
                shutil.rmtree(remains, ignore_errors=True)

    def create(self, tenant: str, name: str, description: str = "") -> About:
        """Make an empty store.

        Raises:
            UsageError: the name is none.
            Conflict: the tenant has a store of this name, or as many as one may have.
        """
        if _NAME.match(name) is None:
            raise UsageError(
                f"{name[:80]!r} is no name for a store.",
                fix="Use 1 to 63 of a-z, 0-9, _ and -, and begin with a letter or a digit.",
            )
        path = self._path(tenant, name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        about = About(name=name, description=description, created=self._clock())
        if sum(1 for _ in path.parent.glob(f"*{SUFFIX}")) >= STORES_PER_TENANT:
            raise Conflict(f"There are {STORES_PER_TENANT} stores, the most there can be.", fix="Drop one first.")
        draft = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=path.parent))
        try:
            self._opening.create(draft / "store")
            record = {"description": about.description, "created": about.created}
            (draft / "store" / ABOUT_NAME).write_bytes(orjson.dumps(record))
            with self._lock:
                if path.exists() or path in self._leaving:
                    raise Conflict(
                        f"There is a store '{name}' already.", fix="Use it, drop it, or choose another name."
                    )
                (draft / "store").rename(path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return about

    def names(self, tenant: str) -> list[About]:
        """The tenant's stores, by name."""
        found = sorted(self._path(tenant, "x").parent.glob(f"[a-z0-9]*{SUFFIX}"))
        known = (_about(path) for path in found)
        return [about for about in known if about is not None]

    def about(self, tenant: str, name: str) -> About:
        """One store.

        Raises:
            NotFound: the tenant has none of this name.
        """
        about = _about(self._path(tenant, name)) if _NAME.match(name) else None
        if about is None:
            raise _not_found(name)
        return about

    @contextmanager
    def use(self, tenant: str, name: str) -> Iterator[Collection]:
        """The store, open as long as this lasts, whoever closes or drops it meanwhile.

        Raises:
            NotFound: the tenant has none of this name, or it is dropped while in use.
            Conflict: another program is writing to it.
            Unavailable: its files cannot be used.
        """
        place = self._enter(tenant, name)
        try:
            yield place.opened(self._opening)
        except StoreError as error:
            if place.dropped:
                raise _not_found(name) from error
            raise _told(error, name) from error
        finally:
            self._leave(place)

    def drop(self, tenant: str, name: str) -> None:
        """Remove a store: gone for everybody at once, from the disk soon after.

        Raises:
            NotFound: the tenant has none of this name.
        """
        path = self._path(tenant, name)
        gone = path.with_name(f"{GONE_PREFIX}{secrets.token_hex(8)}")
        idle: Collection | None = None
        with self._lock:
            if not _NAME.match(name) or not path.is_dir():
                raise _not_found(name)
            path.rename(gone)
            place = self._places.pop(path, None)
            if place is not None:
                place.dropped = True
                if place.num_users:
                    self._leaving[path] = self._leaving.get(path, 0) + 1
                else:
                    idle = place.collection
        if idle is not None:
            idle.close()
        shutil.rmtree(gone, ignore_errors=True)

    def close(self) -> None:
        """Close every store that nobody uses; those in use close when they are left."""
        with self._lock:
            self._num_open = 0
        self._trim()

    @property
    def num_open(self) -> int:
        """How many stores are open now."""
        with self._lock:
            return sum(place.collection is not None for place in self._places.values())

    def _path(self, tenant: str, name: str) -> Path:
        own = (
            tenant
            if _NAME.match(tenant)
            else "~" + blake3(tenant.encode("utf-8", "surrogatepass")).hexdigest(length=16)
        )
        return self._folder / own / f"{name}{SUFFIX}"

    def _enter(self, tenant: str, name: str) -> _Place:
        path = self._path(tenant, name)
        with self._lock:
            if not _NAME.match(name) or not path.is_dir():
                raise _not_found(name)
            place = self._places.setdefault(path, _Place(path=path, name=name))
            self._places.move_to_end(path)
            place.num_users += 1
            return place

    def _leave(self, place: _Place) -> None:
        with self._lock:
            place.num_users -= 1
            last = place.dropped and not place.num_users
            if last:
                self._leaving[place.path] -= 1
                if not self._leaving[place.path]:
                    del self._leaving[place.path]
        if last and place.collection is not None:
            place.collection.close()
        self._trim()

    def _trim(self) -> None:
        """Close what was used longest ago beyond the number that may be open; what is in use stays."""
        with self._lock:
            surplus = max(0, len(self._places) - self._num_open)
            closing = [place for place in self._places.values() if not place.num_users][:surplus]
            for place in closing:
                del self._places[place.path]
        for place in closing:
            if place.collection is not None:
                place.collection.close()


def _about(path: Path) -> About | None:
    """What a store's folder says of it; None if there is no such folder."""
    try:
        record = orjson.loads((path / ABOUT_NAME).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        record = {}
    if not path.is_dir():
        return None
    description, created = str(record.get("description", "")), float(record.get("created", 0.0))
    return About(name=path.name.removesuffix(SUFFIX), description=description, created=created)


def _not_found(name: str) -> NotFound:
    return NotFound(f"There is no store '{name[:80]}'.", fix="GET /v1/stores lists the stores; POST makes one.")


def _told(error: StoreError, name: str) -> Conflict | Unavailable:
    """A store's failure without the path that its own words hold."""
    if isinstance(error, StoreBusy):
        return Conflict(
            f"Another program is writing to the store '{name}'.", fix="Try again later.", retry_after_seconds=5.0
        )
    _log.error("The store '%s' cannot be used: %s", name, error)
    return Unavailable(
        f"The store '{name}' cannot be used now ({error.code}).",
        fix="The operator finds the cause in the service's log.",
    )
