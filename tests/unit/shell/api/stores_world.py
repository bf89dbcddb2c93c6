"""The real routes over the fake space, behind a guard that believes a header."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from commonspace.serve.access import Caller
from commonspace.serve.access import Scope as KeyScope
from commonspace.shell.api.app import routes
from tests.unit.serve.world import World

__all__ = ["Service", "data_uri", "refused", "statuses", "texts", "upload"]

LONG = 60.0


class Service:
    """The real routes behind a guard that believes a header."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.app = routes()
        self.app.state.backend = here

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = dict(scope["headers"]).get(b"x-tenant", b"ann").decode()
        scope["state"] = {"caller": Caller(tenant=tenant, key_id="k", scopes=frozenset(KeyScope)), "request_id": "r"}
        await self.app(scope, receive, send)

    def ask(self, method: str, path: str, *, tenant: str = "ann", **given: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app=self, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=LONG) as client:
                return await client.request(method, f"/v1{path}", headers={"x-tenant": tenant, **headers}, **given)

        headers = given.pop("headers", {})
        return asyncio.run(once())

    def good(self, method: str, path: str, **given: Any) -> Any:
        answer = self.ask(method, path, **given)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def ended(self, job: str) -> Any:
        self.here.jobs.wait("ann", job, LONG)
        return self.good("GET", f"/jobs/{job}")


def data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def texts(*words: str) -> dict[str, Any]:
    return {"items": [{"id": f"t{place}", "text": each} for place, each in enumerate(words)]}


def upload(*paths: Path, **fields: Any) -> dict[str, Any]:
    files = [("file", (path.name, path.read_bytes())) for path in paths]
    return {"files": files, "data": {name: json.dumps(value) for name, value in fields.items()}}


def statuses(answer: Any) -> list[str]:
    return [item["status"] for item in answer["items"]]


def refused(answer: httpx.Response, status: int, code: str) -> str:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    return str(answer.json()["error"]["message"])
