"""A provider on this machine that speaks every wire format, as strictly as the real ones; vectors follow content."""

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["DIMENSION", "KEY", "Provider", "serving", "vector_of"]

DIMENSION: Final = 12
KEY: Final = "sk-not-to-be-seen"


@dataclass(kw_only=True)
class Provider:
    """What it was asked, and what it answers before it answers well: a status and headers for each request."""

    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    first: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    dimension: int = DIMENSION


def vector_of(content: object, role: str | None, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """The vector, not of unit length, of a text or of PNG bytes, embedded for a role."""
    if isinstance(content, bytes):
        content = np.asarray(Image.open(BytesIO(content)).convert("RGB")).tobytes()
    seed = blake2b(repr((content, role)).encode(), digest_size=8).digest()
    return (3 * np.random.default_rng(list(seed)).normal(size=dimension)).astype(np.float32)


@contextmanager
def serving() -> Iterator[Provider]:
    """Run it on a port of its own until the block ends."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            provider.asked.append((self.path, body))
            key = self.headers.get("x-goog-api-key") or self.headers.get("Authorization", "").removeprefix("Bearer ")
            status, headers, answer = 200, dict[str, str](), _answer(self.path, body, provider.dimension)
            if key != KEY:
                status, answer = 401, {"error": f"wrong key {key}"}
            elif provider.first:
                (status, headers), answer = provider.first.pop(0), {"error": "not now"}
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(path: str, body: dict[str, Any], dimension: int) -> dict[str, Any]:
    """What a provider answers to this path; KeyError where a field that it needs is missing."""
    if path == "/embed":
        parts = body["texts"] if "texts" in body else [_part(each["content"]) for each in body["inputs"]]
        rows = [_row(part, body["input_type"], dimension) for part in parts]
        return {"embeddings": dict.fromkeys(body["embedding_types"], rows)}
    if path.endswith(":batchEmbedContents"):
        asked = body["requests"]
        return {
            "embeddings": [
                {"values": _row(_part(each["content"]["parts"]), each["taskType"], dimension)} for each in asked
            ]
        }
    if path == "/multimodalembeddings":
        rows = [_row(_part(each["content"]), body["input_type"], dimension) for each in body["inputs"]]
    else:
        parts = [each if isinstance(each, str) else _part([each]) for each in body["input"]]
        rows = [_row(part, body.get("task"), dimension) for part in parts]
    data = [{"object": "embedding", "index": number, "embedding": row} for number, row in enumerate(rows)]
    return {"object": "list", "model": body["model"], "data": data[::-1]}


def _row(content: object, role: str | None, dimension: int) -> list[float]:
    return [float(number) for number in vector_of(content, role, dimension)]


def _part(parts: list[dict[str, Any]]) -> object:
    (part,) = parts
    if "text" in part:
        return part["text"]
    url = part.get("image_url", {}).get("url") or part.get("image_base64") or part.get("image")
    return b64decode((url or part["inlineData"]["data"]).rpartition(",")[2])
