"""The keys of a server in one SQLite file, of which only keyed hashes are kept; a change holds at once everywhere."""

import hmac
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Self, final

from commonspace.core.errors import Conflict, NotFound, Unauthenticated, UsageError
from commonspace.serve.access import (
    LOCAL_CALLER,
    Caller,
    Issued,
    Key,
    Scope,
    Wish,
    is_loopback,
    keys_required,
)
from commonspace.serve.groups import Server
from commonspace.serve.key_rows import SCHEMA, Held, insert, read_all, read_one
from commonspace.serve.secret import Secret
from commonspace.serve.vault import open_pepper, open_private

__all__ = [
    "LOCAL_CALLER",
    "Caller",
    "Issued",
    "Key",
    "Keyring",
    "Scope",
    "Wish",
    "check_keys_exist",
    "is_loopback",
    "keys_required",
]

DATABASE: Final = "keys.db"
PEPPER: Final = "keys.pepper"
REMEMBERED: Final = 4096
TOUCH_SECONDS: Final = 60.0
BUSY_SECONDS: Final = 5.0
NO_DIGEST: Final = bytes(32)
FIX: Final = "Send a valid key as `Authorization: Bearer ...` or `x-api-key`; the operator makes them."


@final
class Keyring:
    """Makes, lists, checks, rotates and revokes keys; safe to use from several threads and processes.

    Keys that were looked up are remembered until the file changes, which SQLite tells on every look-up, so what one
    process revokes the next request in another is refused.
    """

    def __init__(self, database: sqlite3.Connection, pepper: bytes, clock: Callable[[], float]) -> None:
        self._database = database
        self._pepper = pepper
        self._clock = clock
        self._lock = threading.RLock()
        self._remembered: OrderedDict[str, Held] = OrderedDict()
        self._version = -1

    @classmethod
    def open(cls, folder: Path, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the keys in a state folder; file and pepper are made, for their owner alone, where they are missing.

        Raises:
            UsageError: the files cannot be used, or there are keys and no pepper to check them with.
        """
        try:
            open_private(folder / DATABASE)
            database = sqlite3.connect(
                folder / DATABASE, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            with ExitStack() as undo:
                undo.callback(database.close)
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = FULL")
                database.execute(SCHEMA)
                (count,) = database.execute("SELECT count(*) FROM keys").fetchone()
                pepper = open_pepper(folder / PEPPER, may_make=not count)
                undo.pop_all()
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"The keys in {folder} cannot be used: {error}.",
                fix="Check that this user owns the state folder (server.state_folder) and may write there.",
            ) from error
        return cls(database, pepper, clock)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    def create(self, wish: Wish) -> Issued:
        """Make a key. Its secret is in the answer and nowhere else."""
        now = self._clock()
        expires = None if wish.seconds is None else now + wish.seconds
        secret = Secret.new()
        key = Key(
            id=secret.key_id,
            name=wish.name,
            tenant=wish.tenant,
            scopes=wish.scopes,
            created=now,
            expires=expires,
            revoked=None,
            last_used=None,
            replaces=None,
            line=secret.key_id,
            rates=wish.rates,
        )
        with self._writing() as database:
            insert(database, key, secret.digest(self._pepper))
        return Issued(key=key, secret=secret)

    def rotate(self, key_id: str, *, grace_seconds: float) -> Issued:
        """Make a key like an old one and for as long a time; the old one goes on for a grace period, then ends.

        Raises:
            NotFound: there is no such key.
            Conflict: it has expired, was revoked, or was rotated before.
            UsageError: the grace is below zero.
        """
        if not 0 <= grace_seconds < float("inf"):
            raise UsageError(f"A grace of {grace_seconds} seconds is none.", fix="Give zero or more, such as 1d.")
        now, secret = self._clock(), Secret.new()
        with self._writing() as database:
            old = self._find(key_id)
            successor = database.execute("SELECT id FROM keys WHERE replaces = ?", (old.id,)).fetchone()
            if successor:
                raise Conflict(f"The key {old.id} was rotated before, into {successor[0]}.", fix="Rotate that one.")
            if old.state(now) != "active":
                raise Conflict(f"The key {old.id} is {old.state(now)}.", fix="Make a new one: commonspace keys create")
            ends = now + grace_seconds if old.expires is None else min(old.expires, now + grace_seconds)
            expires = None if old.expires is None else now + (old.expires - old.created)
            new = replace(old, id=secret.key_id, created=now, expires=expires, last_used=None, replaces=old.id)
            database.execute("UPDATE keys SET expires = ? WHERE id = ?", (ends, old.id))
            insert(database, new, secret.digest(self._pepper))
        return Issued(key=new, secret=secret)

    def revoke(self, key_id: str) -> Key:
        """End a key now, in every process; revoking it again changes nothing.

        Raises:
            NotFound: there is no such key.
        """
        with self._writing() as database:
            database.execute("UPDATE keys SET revoked = coalesce(revoked, ?) WHERE id = ?", (self._clock(), key_id))
            return self._find(key_id)

    def keys(self) -> list[Key]:
        """Every key, oldest first, those that are over too."""
        with self._lock:
            return [held.key for held in read_all(self._database)]

    def usable(self) -> int:
        """How many keys open something now."""
        now = self._clock()
        return sum(key.state(now) == "active" for key in self.keys())

    def caller(self, text: str) -> Caller:
        """Who asks with a key. Takes as long for a wrong secret as for the right one.

        Raises:
            Unauthenticated: it is no key, or one that is unknown, expired or revoked.
        """
        secret = Secret.read(text)
        if secret is None:
            raise Unauthenticated("This is not a key of this service.", fix=FIX)
        now = self._clock()
        held = self._look_up(secret.key_id)
        same = hmac.compare_digest(secret.digest(self._pepper), held.digest if held else NO_DIGEST)
        if held is None or not same:
            raise Unauthenticated("The key is unknown.", fix=FIX)
        state = held.key.state(now)
        if state != "active":
            raise Unauthenticated(f"The key is {state}.", fix=FIX)
        self._touch(held, now)
        return held.key.caller()

    def _look_up(self, key_id: str) -> Held | None:
        with self._lock:
            (version,) = self._database.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._remembered.clear()
                self._version = version
            held = self._remembered.get(key_id)
            if held is None and (held := read_one(self._database, key_id)):
                self._remember(held)
            return held

    def _remember(self, held: Held) -> None:
        self._remembered[held.key.id] = held
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    def _touch(self, held: Held, now: float) -> None:
        """Write down that a key was used, at most once a minute; where the file is busy, the next time."""
        used = held.key.last_used
        if used is not None and now - used < TOUCH_SECONDS:
            return
        with self._lock:
            self._remember(replace(held, key=replace(held.key, last_used=now)))
            self._database.execute("PRAGMA busy_timeout = 0")
            self._database.execute("PRAGMA synchronous = NORMAL")
            try:
                self._database.execute("UPDATE keys SET last_used = ? WHERE id = ?", (now, held.key.id))
            except sqlite3.OperationalError:
                self._remembered.pop(held.key.id, None)
            finally:
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    def _find(self, key_id: str) -> Key:
        held = read_one(self._database, key_id)
        if held is None:
            raise NotFound(f"There is no key with the id {key_id[:40]}.", fix="`commonspace keys list` shows the ids.")
        return held.key

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._remembered.clear()
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


def check_keys_exist(server: Server, keyring: Keyring) -> None:
    """Refuse to listen where keys are required and nobody could have one.

    Raises:
        UsageError: keys are required and there is none that is valid.
    """
    if keys_required(server) and not keyring.usable():
        raise UsageError(
            f"The service would listen on {server.host}, where every request needs a key, and there is no valid key.",
            fix="Make one: commonspace keys create. Or listen on 127.0.0.1 with server.require_keys off.",
        )
