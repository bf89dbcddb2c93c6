"""A hub on this machine: the few endpoints that a pull asks, over files in memory; it can break off and lie."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["COMMIT", "LocalHub", "serving"]

COMMIT = "c0ffee00" * 5
LARGE = 4_096
"""From this many bytes on a file is kept apart (LFS): named by SHA-256, and reached through a redirect."""


@dataclass
class LocalHub:
    """One model. ``breaks`` maps a file to after how many bytes it breaks off, once; ``told`` to the bytes hashed."""

    files: dict[str, bytes]
    card: dict[str, Any] = field(default_factory=lambda: {"license": "mit"})
    breaks: dict[str, int] = field(default_factory=dict)
    told: dict[str, bytes] = field(default_factory=dict)
    revisions: tuple[str, ...] = ("main", COMMIT)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def about(self) -> dict[str, Any]:
        siblings = []
        for name in self.files:
            data = self.told.get(name, self.files[name])
            git = sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()
            each: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": git}
            if len(data) >= LARGE:
                each["lfs"] = {"sha256": sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            siblings.append(each)
        return {"id": "org/model", "modelId": "org/model", "sha": COMMIT, "cardData": self.card, "siblings": siblings}


@contextmanager
def serving(hub: LocalHub) -> Iterator[str]:
    """Serve a hub; yields its address."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        parts = path.strip("/").split("/")
        if parts[:4] == ["api", "models", "org", "model"] and parts[4:5] == ["revision"]:
            self._answer_about(parts[5])
        elif parts[:4] == ["org", "model", "resolve", COMMIT]:
            self._answer_file("/".join(parts[4:]))
        elif parts[:1] == ["apart"]:
            self._send_file("/".join(parts[1:]))
        else:
            self._refuse("RepoNotFound")

    def _answer_about(self, revision: str) -> None:
        if revision not in self.hub.revisions:
            self._refuse("RevisionNotFound")
            return
        body = json.dumps(self.hub.about()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer_file(self, name: str) -> None:
        if len(self.hub.files[name]) < LARGE:
            self._send_file(name)
            return
        self.send_response(302)
        self.send_header("Location", f"/apart/{name}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_file(self, name: str) -> None:
        asked = self.headers.get("Range")
        self.hub.asked.append((name, asked))
        if name in self.hub.broken and asked:
            self.hub.broken.discard(name)
            self._refuse("EntryNotFound")  # the library would try again by itself: this stops it
            return
        data = self.hub.files[name]
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        most = self.hub.breaks.pop(name, None)
        self.wfile.write(data[start:most])
        if most is not None:
            self.hub.broken.add(name)
            self.close_connection = True

    def _refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...
