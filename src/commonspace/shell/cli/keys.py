"""``commonspace keys create|list|revoke|rotate``: who may use the service. A secret is printed once, to stdout."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, final

import typer

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.options import AsJson, Overrides, settings_for
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.wording import printable

if TYPE_CHECKING:
    from commonspace.serve.access import Issued, Key
    from commonspace.serve.keys import Keyring

__all__ = [
    "Create",
    "Listing",
    "Revoke",
    "Rotate",
    "answer_create",
    "answer_list",
    "answer_revoke",
    "answer_rotate",
    "seconds_of",
]

UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
NEVER: Final = "never"

KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's public id; `commonspace keys list` shows it.")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Make a key and print it. It is shown this once: the service keeps only a hash of it."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for, in a few words.")] = ""
    tenant: Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose stores it opens.")] = "local"
    scopes: Annotated[
        list[str],
        typer.Option("--scope", metavar="SCOPE", help="embed, search, index, admin. Repeatable. Default: the first 3."),
    ] = field(default_factory=list)
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="How long it is valid, such as 30d or 12h, or never.")
    ] = "90d"
    rate: Annotated[
        float | None,
        typer.Option("--rate", metavar="MS", help="Milliseconds of compute a second. Default: the settings' rates."),
    ] = None
    burst: Annotated[
        float | None, typer.Option("--burst", metavar="SECONDS", help="How many seconds' worth may be used at once.")
    ] = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """List the keys: whose they are, what they open, until when, and when they were last used."""

    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """End a key now. A running server refuses it from the next request on."""

    key_id: KeyId
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate:
    """Make a key like an old one and print it; the old one goes on for a grace period."""

    key_id: KeyId
    grace: Annotated[
        str, typer.Option("--grace", metavar="TIME", help="How long the old key goes on, such as 1d or 0s.")
    ] = "1d"
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_create(request: Create) -> ExitCode:
    """Make a key."""
    from dataclasses import replace

    from commonspace.serve.access import Scope, Wish
    from commonspace.serve.groups import Rates

    usual = settings_for(request.overrides).rates
    unknown = sorted(set(request.scopes) - set(Scope))
    if unknown:
        raise UsageError(f"There is no scope '{unknown[0]}'.", fix=f"Use one of {', '.join(Scope)}.")
    if request.burst is not None and request.rate is None:
        raise UsageError("--burst says how much may be saved up of a --rate.", fix="Give both, or neither.")
    wish = Wish(name=request.name, tenant=request.tenant)
    if request.scopes:
        wish = replace(wish, scopes=frozenset(map(Scope, request.scopes)))
    rates = None
    if request.rate is not None:
        burst = usual.burst_seconds if request.burst is None else request.burst
        rates = Rates(compute_milliseconds=request.rate, burst_seconds=burst)
    seconds = None if request.expires == NEVER else seconds_of(request.expires)
    with _keyring(request.overrides) as keyring:
        issued = keyring.create(replace(wish, seconds=seconds, rates=rates))
    return _show_issued(issued, as_json=request.as_json)


def answer_list(request: Listing) -> ExitCode:
    """List the keys."""
    with _keyring(request.overrides) as keyring:
        keys = keyring.keys()
    if request.as_json:
        print_json({"keys": [_fields(key) for key in keys]})
        return ExitCode.FINE
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "name", "tenant", "scopes", "state", "expires", "last used", "ms/s", box=SIMPLE)
    for key in keys:
        state = key.state(time.time())
        rate = "" if key.rates is None else f"{key.rates.compute_milliseconds:g}"
        words = (
            key.id,
            key.name,
            key.tenant,
            ", ".join(sorted(key.scopes)),
            state,
            _day(key.expires) or "never",
            _day(key.last_used) or "not yet",
            rate,
        )
        table.add_row(*(Text(printable(word), style="" if state == "active" else "dim") for word in words))
    console().print(table if keys else "There are no keys yet: commonspace keys create")
    return ExitCode.FINE


def answer_revoke(request: Revoke) -> ExitCode:
    """End a key."""
    with _keyring(request.overrides) as keyring:
        key = keyring.revoke(request.key_id)
    if request.as_json:
        print_json({"key": _fields(key)})
    else:
        console().print(f"The key {key.id} is revoked.", markup=False)
    return ExitCode.FINE


def answer_rotate(request: Rotate) -> ExitCode:
    """Put a new key beside an old one."""
    with _keyring(request.overrides) as keyring:
        issued = keyring.rotate(request.key_id, grace_seconds=seconds_of(request.grace))
    return _show_issued(issued, as_json=request.as_json)


def seconds_of(text: str) -> float:
    """A time such as ``90d``, ``12h``, ``30m`` or ``0s`` in seconds.

    Raises:
        UsageError: it is none.
    """
    found = DURATION.fullmatch(text)
    if found is None:
        raise UsageError(f"'{text}' is not a time.", fix="Write a number and s, m, h, d or w, such as 30d.")
    return float(found[1]) * UNITS[found[2]]


@contextmanager
def _keyring(overrides: list[str]) -> "Iterator[Keyring]":
    from commonspace.serve.keys import Keyring
    from commonspace.serve.state import state_folder

    keyring = Keyring.open(state_folder(settings_for(overrides).server))
    try:
        yield keyring
    finally:
        keyring.close()


def _show_issued(issued: "Issued", *, as_json: bool) -> ExitCode:
    """The secret alone on stdout, so that it can go into a file or a variable; the rest beside it."""
    if as_json:
        print_json({"key": _fields(issued.key), "secret": issued.secret.text})
        return ExitCode.FINE
    typer.echo(issued.secret.text)
    key = issued.key
    until = f"until {_day(key.expires)}" if key.expires else "for ever"
    remark(f"Key {key.id} of tenant {key.tenant}: {', '.join(sorted(key.scopes))}; valid {until}.")
    remark("Keep it now: it is not shown again.")
    return ExitCode.FINE


def _fields(key: "Key") -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": sorted(key.scopes),
        "state": key.state(time.time()),
        "created": _instant(key.created),
        "expires": _instant(key.expires),
        "revoked": _instant(key.revoked),
        "last_used": _instant(key.last_used),
        "replaces": key.replaces,
        "compute_milliseconds": key.rates and key.rates.compute_milliseconds,
        "burst_seconds": key.rates and key.rates.burst_seconds,
    }


def _instant(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _day(seconds: float | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
