"""A small app behind the guard, as the service puts one together, and keys to knock with."""

import asyncio
import io
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, final

import httpx
from fastapi import FastAPI, Request

from commonspace.core.errors import Overloaded
from commonspace.serve.access import Scope, Wish
from commonspace.serve.groups import Rates, Server
from commonspace.serve.keys import Keyring
from commonspace.serve.logs import JsonLines
from commonspace.serve.rates import Buckets
from commonspace.shell.api.document import complete_document
from commonspace.shell.api.errors import install_errors
from commonspace.shell.api.guard import Guard
from commonspace.shell.api.scopes import AccessTable, Open, needs

__all__ = ["BEYOND", "Doorway"]

BEYOND = Server(host="192.168.1.5", body_bytes=1000, json_depth=4, connections=2)
"""A server that others reach, so that every request needs a key."""


@final
@dataclass
class Doorway:
    """The guard, what it guards, and everything that it wrote down."""

    folder: Path
    server: Server = BEYOND
    rates: Rates = field(default_factory=Rates)
    now: float = 0.0
    reached: list[Any] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    log: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.keys = Keyring.open(self.folder)
        self.buckets = Buckets(self.rates, lambda: self.now)
        self.app = self._made()
        complete_document(self.app, keys_required=True)
        self.table = AccessTable.of(self.app)
        self.guard = Guard(self.app, table=self.table, server=self.server, keys=self.keys, buckets=self.buckets)
        self._lines = logging.StreamHandler(self.log)
        self._lines.setFormatter(JsonLines())

    def __enter__(self) -> Self:
        logger = logging.getLogger("commonspace.requests")
        logger.addHandler(self._lines)
        logger.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("commonspace.requests").removeHandler(self._lines)
        self.keys.close()

    def key(self, *scopes: Scope, tenant: str = "acme", **wish: Any) -> dict[str, str]:
        """The header with a new key."""
        wish = {"scopes": frozenset(scopes or Scope), "tenant": tenant, **wish}
        return {"authorization": f"Bearer {self.keys.create(Wish(**wish)).secret.text}"}

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """One request through the guard."""

        async def run() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, **given)

        return asyncio.run(run())

    def client(self) -> httpx.AsyncClient:
        """A client that talks to the guard without a socket."""
        transport = httpx.ASGITransport(self.guard, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    def lines(self) -> list[dict[str, Any]]:
        """The request lines that were logged."""
        found = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in found if line["event"] == "request"]

    def _made(self) -> FastAPI:
        app = FastAPI()
        install_errors(app)

        @app.get("/livez", openapi_extra=needs(Open.TO_ALL))
        async def livez() -> str:
            return "live"

        @app.get("/metrics", openapi_extra=needs(Scope.ADMIN))
        async def metrics() -> str:
            return "metrics"

        @app.post("/v1/embeddings", openapi_extra=needs(Scope.EMBED))
        async def embed(request: Request, body: dict[str, Any]) -> dict[str, Any]:
            caller = request.state.caller
            self.reached.append(body)
            if body.get("input") == "wait":
                await self.waiting.wait()
            if body.get("input") == "break":
                raise RuntimeError("what somebody sent")
            with self.buckets.reserve(caller, 10.0) as reservation:
                if body.get("input") == "busy":
                    raise Overloaded("Busy.", fix="Wait.", retry_after_seconds=1.5)
                reservation.settle(body.get("cost", 100.0))
            return {"tenant": caller.tenant, "request_id": request.state.request_id}

        @app.post("/v1/stores/{name}/items", openapi_extra=needs(Scope.INDEX))
        async def add(name: str, request: Request) -> str:
            self.reached.append((name, sum([len(chunk) async for chunk in request.stream()])))
            return name

        @app.get("/v1/stores/{name}/search", openapi_extra=needs(Scope.SEARCH))
        async def search(name: str) -> str:
            self.reached.append(name)
            return name

        return app
