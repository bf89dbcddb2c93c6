"""The servers that ``benchmarks.serving`` puts side by side: how each is started, and how it is spoken to."""

import random
import socket
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import numpy as np
import orjson
import psutil
from numpy.typing import NDArray

from benchmarks.rival_homes import Homes
from commonspace.core.modality import Modality
from commonspace.serve.load.firing import Outcome
from commonspace.serve.load.traffic import Shot
from commonspace.shell.load.connection import Answer
from commonspace.shell.load.launch import Running, running, serve_command
from commonspace.shell.load.measuring import ask_ready
from commonspace.shell.load.shooting import Dialect, Ours, Request

__all__ = [
    "INFINITY_ONNX",
    "INFINITY_TORCH",
    "OURS",
    "PLAIN",
    "QUIET",
    "Rival",
    "Server",
    "servers",
    "started",
    "vectors_of",
]

OURS, PLAIN = "commonspace", "sentence-transformers + FastAPI"
INFINITY_TORCH, INFINITY_ONNX = "Infinity, torch", "Infinity, ONNX"
HOST: Final = "127.0.0.1"
QUIET_PORTS: Final = range(20_000, 32_000)
PATH: Final = "/v1/embeddings"
QUIET: Final = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
"""What every server finds in its environment: nothing is fetched, nothing is reported."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A service in the shape of OpenAI's: texts as they are, pictures as data URIs, vectors as base64."""

    model: str
    extra: Mapping[str, str] = field(default_factory=dict)

    def request(self, shot: Shot) -> Request:
        """All items of the shot in one request."""
        inputs = [each if isinstance(each, str) else _data_uri(each) for each in shot.items]
        document = {"input": inputs, "model": self.model, "encoding_format": "base64", **self.extra}
        return Request(path=PATH, headers={}, body=orjson.dumps(document))

    def outcome(self, shot: Shot, answer: Answer) -> Outcome:
        """Answered is what came with a vector for every item."""
        if answer.status != 200:
            return Outcome(code=f"status {answer.status}")
        try:
            missing = len(shot.items) - len(orjson.loads(answer.body)["data"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return Outcome(code="odd")
        return Outcome(code="ok", failed_items=missing)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One process to start: its command on a port, the folder it starts in, and its dialect for each modality."""

    name: str
    command: Callable[[int], Sequence[str]]
    folder: Path
    ready_path: str
    dialects: Mapping[Modality, Dialect]


def servers(homes: Homes, state: Path) -> list[Server]:
    """Ours with its defaults, and the rivals; one rival serves one model."""
    ours = Server(
        name=OURS,
        command=lambda port: serve_command(port, [f"server.state_folder={state}"]),
        folder=homes.work,
        ready_path="/readyz",
        dialects={Modality.TEXT: Ours(headers={}), Modality.IMAGE: Ours(headers={})},
    )
    here = ["--model-id", ".", "--pooling-method", "mean"]
    return [
        ours,
        _infinity(homes, INFINITY_TORCH, Modality.TEXT, ["--model-id", str(homes.minilm), "--engine", "torch"]),
        _infinity(homes, INFINITY_ONNX, Modality.TEXT, [*here, "--engine", "optimum"], folder=homes.minilm_onnx),
        _plain(homes, Modality.TEXT, homes.minilm),
        _infinity(homes, INFINITY_TORCH, Modality.IMAGE, ["--model-id", str(homes.clip), "--engine", "torch"]),
        _plain(homes, Modality.IMAGE, homes.clip),
    ]


@contextmanager
def started(server: Server) -> Iterator[Running]:
    """Run a server while the block runs; it is ready when the block begins."""
    port = _quiet_port()
    with ExitStack() as stack:
        # A child starts in the folder that is current when it is made.
        with chdir(server.folder):
            ready = running(server.command(port), port, lambda url: ask_ready(url, path=server.ready_path))
            process = stack.enter_context(ready)
        if not _listens(process.process_id, port):
            raise SystemExit(f"another process answered on port {port} before {server.name} did: run it again")
        yield process


def vectors_of(answer: Answer) -> NDArray[np.float32]:
    """The vectors of an answer that has them in base64."""
    rows = sorted(orjson.loads(answer.body)["data"], key=lambda row: row["index"])
    return np.array([np.frombuffer(b64decode(row["embedding"]), dtype="<f4") for row in rows])


def _infinity(
    homes: Homes, name: str, modality: Modality, words: Sequence[str], *, folder: Path | None = None
) -> Server:
    extra = {} if modality == Modality.TEXT else {"modality": modality.value}
    program = [str(homes.infinity / "python"), "-I", str(homes.infinity / "infinity_emb")]
    start = [*program, "v2", *words, "--served-model-name", "served", "--device", "cpu"]
    end = ["--url-prefix", "/v1", "--log-level", "error", "--host", HOST]
    return Server(
        name=name,
        command=lambda port: [*start, *end, "--port", str(port)],
        folder=folder or homes.work,
        ready_path="/health",
        dialects={modality: Rival(model="served", extra=extra)},
    )


def _plain(homes: Homes, modality: Modality, model: Path) -> Server:
    script = Path(__file__).with_name("plain_serving.py")
    start = [str(homes.plain / "python"), "-I", str(script), "--model", str(model)]
    return Server(
        name=PLAIN,
        command=lambda port: [*start, "--port", str(port)],
        folder=homes.work,
        ready_path="/health",
        dialects={modality: Rival(model="served")},
    )


def _quiet_port() -> int:
    """A free port that no system hands out by itself: a model loads for long, and the port is taken only after that."""
    while True:
        port = random.choice(QUIET_PORTS)
        with suppress(OSError), socket.create_server((HOST, port)):
            return port


def _listens(process_id: int, port: int) -> bool:
    root = psutil.Process(process_id)
    held = [each for process in (root, *root.children(recursive=True)) for each in process.net_connections("tcp")]
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in held)


def _data_uri(data: bytes) -> str:
    return f"data:image/jpeg;base64,{b64encode(data).decode('ascii')}"
