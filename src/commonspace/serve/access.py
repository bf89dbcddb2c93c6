"""Who may ask for what: scopes, keys, tenants and callers, as values; knows nothing of where keys are kept."""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, final

from commonspace.core.errors import UsageError
from commonspace.serve.groups import Rates, Server
from commonspace.serve.secret import Secret
from commonspace.serve.terms import LOCAL_TENANT

__all__ = ["LOCAL_CALLER", "Caller", "Issued", "Key", "Scope", "Wish", "is_loopback", "keys_required"]

DAY_SECONDS: Final = 86_400.0
USUAL_DAYS: Final = 90
TENANT: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
NAME_CHARS: Final = 80


@final
class Scope(StrEnum):
    """What a key may be good for; no scope holds another."""

    EMBED = "embed"
    SEARCH = "search"
    INDEX = "index"
    ADMIN = "admin"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """For whom a request is done. ``line`` names the rate bucket: a key and those it was rotated into share it."""

    tenant: str
    key_id: str | None
    scopes: frozenset[Scope]
    rates: Rates | None = None
    line: str | None = None


LOCAL_CALLER: Final = Caller(tenant=LOCAL_TENANT, key_id=None, scopes=frozenset(Scope))
"""Whoever asks where no keys are asked for."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a new key is to be: ``seconds`` is how long it is valid, None for ever; no rates are the settings'.

    Raises:
        UsageError: a tenant that is no such name, no scope, a name too long, or a time that is none.
    """

    name: str = ""
    tenant: str = LOCAL_TENANT
    scopes: frozenset[Scope] = frozenset({Scope.EMBED, Scope.SEARCH, Scope.INDEX})
    seconds: float | None = USUAL_DAYS * DAY_SECONDS
    rates: Rates | None = None

    def __post_init__(self) -> None:
        if not TENANT.fullmatch(self.tenant):
            raise UsageError(
                f"The tenant '{self.tenant[:NAME_CHARS]}' is not a name for one.",
                fix="Use 1 to 63 lower-case letters, digits and dashes, with no dash at the ends.",
            )
        if not self.scopes:
            raise UsageError("A key without a scope opens nothing.", fix="Give one of embed, search, index, admin.")
        if len(self.name) > NAME_CHARS or not self.name.isprintable():
            raise UsageError(
                "The key's name is too long, or has characters that do not print.",
                fix=f"Use up to {NAME_CHARS} plain characters.",
            )
        if self.seconds is not None and not 0 < self.seconds < float("inf"):
            raise UsageError(f"A key cannot be valid for {self.seconds} seconds.", fix="Give a time above zero.")
        if self.rates is not None and not min(self.rates.compute_milliseconds, self.rates.burst_seconds) > 0:
            raise UsageError("The key's rate and burst must be above zero.", fix="Leave the rate out for no limit.")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """All that is known of a key besides its hash. Times are seconds since 1970; None is never, or not yet."""

    id: str
    name: str
    tenant: str
    scopes: frozenset[Scope]
    created: float
    expires: float | None
    revoked: float | None
    last_used: float | None
    replaces: str | None
    line: str
    rates: Rates | None

    def state(self, now: float) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"

    def caller(self) -> Caller:
        """Who asks with this key."""
        return Caller(tenant=self.tenant, key_id=self.id, scopes=self.scopes, rates=self.rates, line=self.line)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new key with its secret, which is nowhere else and is shown this once."""

    key: Key
    secret: Secret


def keys_required(server: Server) -> bool:
    """Whether every request needs a key: always beyond loopback, and on it when the settings ask for it."""
    return server.require_keys or not is_loopback(server.host)


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host: its loopback by address or as ``localhost``."""
    name = host.removeprefix("[").removesuffix("]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.lower() == "localhost"
