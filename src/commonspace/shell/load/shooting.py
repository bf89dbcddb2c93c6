"""Shots become requests to ``POST /v1/embeddings``, and answers become outcomes."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from ssl import create_default_context
from typing import Any, Final, Protocol, final
from urllib.parse import urlsplit

import orjson

from commonspace.core.modality import Modality
from commonspace.serve.load.firing import Outcome, Stages
from commonspace.serve.load.traffic import Shot
from commonspace.shell.load.connection import Answer, Connections

__all__ = ["Dialect", "Ours", "Request", "Shooter", "connections_to"]

PATH: Final = "/v1/embeddings"
PATIENCE_SECONDS: Final = 120.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent for a shot."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Dialect(Protocol):
    """How one kind of service is spoken to."""

    def request(self, shot: Shot) -> Request:
        """The request that a shot stands for."""
        ...

    def outcome(self, shot: Shot, answer: Answer) -> Outcome:
        """What an answer amounts to."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """This house's own service; ``timeout_ms`` is told to it as the deadline, None leaves it to its objectives."""

    headers: Mapping[str, str]
    timeout_ms: float | None = None

    def request(self, shot: Shot) -> Request:
        """Texts as they are, media as typed parts."""
        document: dict[str, Any] = {"input": [_part(shot.modality, item) for item in shot.items]}
        document["encoding_format"] = "base64"
        document |= {"priority": shot.urgency} if shot.urgency else {}
        document |= {"timeout_ms": self.timeout_ms} if self.timeout_ms is not None else {}
        return Request(path=PATH, headers=self.headers, body=orjson.dumps(document))

    def outcome(self, shot: Shot, answer: Answer) -> Outcome:
        """With the stages that the service tells."""
        try:
            document = orjson.loads(answer.body)
            if answer.status != 200:
                return Outcome(code=str(document["error"]["code"]))
            missing = len(shot.items) - len(document["data"])
            return Outcome(code="ok", failed_items=missing, stages=_stages(document.get("timing") or {}))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return Outcome(code=f"status {answer.status}" if answer.status != 200 else "odd")


@final
class Shooter:
    """Fires shots at an address; an answer that does not come in two minutes is lost."""

    def __init__(self, connections: Connections, dialect: Dialect) -> None:
        self._connections = connections
        self._dialect = dialect

    async def __call__(self, shot: Shot) -> Outcome:
        """Make the request and say what came of it."""
        request = self._dialect.request(shot)
        headers = {"content-type": "application/json", **request.headers}
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._connections.request("POST", request.path, headers, request.body)
        except OSError:
            return Outcome(code="lost")
        return self._dialect.outcome(shot, answer)


def connections_to(url: str) -> Connections:
    """Connections to the host of an address."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    return Connections(parts.hostname or "127.0.0.1", port, create_default_context() if secure else None)


def _part(modality: Modality, item: str | bytes) -> str | dict[str, Any]:
    if isinstance(item, str):
        return item
    encoded = b64encode(item).decode("ascii")
    if modality == Modality.AUDIO:
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": "wav"}}
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{encoded}"}}


def _stages(told: Mapping[str, Any]) -> Stages:
    seconds = {name.removesuffix("_ms"): float(value) / 1000 for name, value in told.items() if name.endswith("_ms")}
    known = ("decode", "queue", "inference", "total")
    return Stages(**{name: seconds[name] for name in known if name in seconds})
