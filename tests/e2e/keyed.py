"""The real service with keys, and a store, an item and a job that belong to one of two tenants."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import httpx

from commonspace.serve.access import Scope, Wish
from commonspace.serve.keys import Keyring
from tests.e2e.serving import PATIENT, serving

__all__ = ["ITEM", "STORE", "Keyed", "keyed"]

STORE: Final = "holidays"
ITEM: Final = "photo-17"
ITEMS: Final = {"items": [{"id": ITEM, "text": "A heron stands in the shallows."}]}
OWNER: Final = "owner"
DAY_SECONDS: Final = 86_400.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A running service: its address, a key by what it is for, and the job of the first tenant.

    The keys: ``all`` has every scope; ``expired`` and ``revoked`` had; ``stranger`` has them at another tenant; and
    ``no embed`` and so on lack that scope alone.
    """

    url: str
    keys: Mapping[str, str]
    job: str

    def bearer(self, key: str) -> dict[str, str]:
        """The header that shows a key."""
        return {"Authorization": f"Bearer {self.keys[key]}"}

    def furnish(self) -> None:
        """Have the store and the item there, should they be gone."""
        with httpx.Client(base_url=self.url, headers=self.bearer("all"), timeout=60) as client:
            client.post("/v1/stores", json={"name": STORE})
            client.post(f"/v1/stores/{STORE}/items", json=ITEMS).raise_for_status()


@contextmanager
def keyed(folder: Path, *settings: str) -> Iterator[Keyed]:
    """A service that asks for keys, in which the first tenant has a store with an item, and a finished job."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    _issued(state, {"first": Wish()})
    with serving(folder, "server.require_keys=true", *PATIENT, *settings) as served:
        everything = frozenset(Scope)
        keys = _issued(
            served.state,
            {
                "all": Wish(tenant=OWNER, scopes=everything),
                "stranger": Wish(tenant="stranger", scopes=everything),
                "revoked": Wish(tenant=OWNER, scopes=everything),
                **{f"no {scope.value}": Wish(tenant=OWNER, scopes=everything - {scope}) for scope in Scope},
            },
        )
        long_ago = time.time() - 2 * DAY_SECONDS
        expired = {"expired": Wish(tenant=OWNER, scopes=everything, seconds=DAY_SECONDS)}
        keys |= _issued(served.state, expired, now=long_ago)
        _revoke(served.state, keys["revoked"])
        yield Keyed(url=served.url, keys=keys, job=_furnished(served.url, keys["all"]))


def _issued(state: Path, wishes: Mapping[str, Wish], now: float | None = None) -> dict[str, str]:
    keyring = Keyring.open(state, clock=time.time if now is None else lambda: now)
    try:
        return {name: keyring.create(wish).secret.text for name, wish in wishes.items()}
    finally:
        keyring.close()


def _revoke(state: Path, secret: str) -> None:
    keyring = Keyring.open(state)
    try:
        keyring.revoke(secret.split("_")[1])
    finally:
        keyring.close()


def _furnished(url: str, key: str) -> str:
    """Make the store, with an item by a job that is then over; the job's id."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        client.post("/v1/stores", json={"name": STORE}).raise_for_status()
        job: str = client.post(f"/v1/stores/{STORE}/items?wait=false", json=ITEMS).raise_for_status().json()["id"]
        while client.get(f"/v1/jobs/{job}").raise_for_status().json()["ended"] is None:
            pass
        return job
