"""A small service over real loopback HTTP that answers like the real one, and misbehaves on request."""

import asyncio
import base64
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["FakeService", "Seen", "served", "vector_of"]

DIMENSION = 8

Fault = Callable[["Seen"], Response | None]


def vector_of(content: str) -> np.ndarray:
    """The unit vector that the fake gives some content."""
    seed = int.from_bytes(hashlib.sha256(content.encode()).digest()[:4], "big")
    row = np.random.default_rng(seed).normal(size=DIMENSION)
    return (row / np.linalg.norm(row)).astype(np.float32)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    document: Any


@final
@dataclass(slots=True)
class FakeService:
    """``faults`` are asked in turn, one a request; what one answers is the answer, None lets the request through.

    ``answers`` are whole answers by method and path, for everything but embeddings.
    """

    seen: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    answers: dict[str, list[Any]] = field(default_factory=dict)
    fingerprints: list[str] = field(default_factory=lambda: ["f" * 16])
    most_at_once: int = 0
    url: str = ""
    barrier: asyncio.Event | None = None
    _now: int = 0

    def app(self) -> Starlette:
        """The fake as an app."""
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST", "DELETE"])])

    async def answer(self, request: Request) -> Response:
        """One answer."""
        body = await request.body()
        seen = Seen(
            method=request.method,
            path=request.url.path,
            query=dict(request.query_params),
            headers=dict(request.headers),
            document=orjson.loads(body) if body else None,
        )
        self.seen.append(seen)
        fault = self.faults.pop(0)(seen) if self.faults else None
        if fault is not None:
            return fault
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            for _ in range(20):
                await asyncio.sleep(0)
            return self._embedded(seen) if seen.path == "/v1/embeddings" else self._prepared(seen)
        finally:
            self._now -= 1

    def _prepared(self, seen: Seen) -> Response:
        left = self.answers.get(f"{seen.method} {seen.path}")
        if not left:
            return refusal(404, "not_found", "There is nothing here.")
        return json(left.pop(0) if len(left) > 1 else left[0])

    def _embedded(self, seen: Seen) -> Response:
        wish = seen.document
        data, errors = [], []
        for index, part in enumerate(wish["input"]):
            content = part if isinstance(part, str) else content_of(part)
            if content.startswith("bad"):
                told = {"code": content, "message": f"{content} is bad.", "fix": "Mend it.", "status": 422}
                errors.append({"index": index, **told})
                continue
            row = vector_of(content)[: wish.get("dimensions", DIMENSION)]
            data.append({"object": "embedding", "index": index, "embedding": base64.b64encode(row.tobytes()).decode()})
        fingerprint = self.fingerprints.pop(0) if len(self.fingerprints) > 1 else self.fingerprints[0]
        usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
        timing = {"decode_ms": 1.0, "queue_ms": 0.5, "inference_ms": 2.0, "total_ms": 4.0}
        told = {"object": "list", "data": data[::-1], "errors": errors, "model": "fake", "usage": usage}
        return json({**told, "fingerprint": fingerprint, "timing": timing})


def content_of(part: dict[str, Any]) -> str:
    """What a typed part holds, as the fake embeds it: its kind and the digest of its bytes."""
    kind = part["type"]
    if kind == "text":
        return str(part["text"])
    encoded = part[kind]["data"] if kind == "input_audio" else part[kind]["url"].partition(",")[2]
    return f"{kind}:{hashlib.sha256(base64.b64decode(encoded)).hexdigest()}"


def json(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(document), status, headers, "application/json")


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """An error in the service's one shape."""
    fix = "Do better."
    told = {"message": f"{message} {fix}", "type": "x", "param": None, "code": code, "fix": fix, "request_id": "req-1"}
    return json({"error": told}, status, headers)


@contextmanager
def served(fake: FakeService) -> Iterator[FakeService]:
    """The fake, listening on a free port of this machine while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fake.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(fake.app(), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield fake
        finally:
            server.should_exit = True
            thread.join()
