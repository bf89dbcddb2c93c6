"""The settings of the service, by group; each is a table of its own in the settings file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

from commonspace.core.modality import Modality

__all__ = ["Cache", "Fetch", "NetworkedIndex", "Objectives", "Rates", "Server"]

MEGABYTE = 1_000_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the service listens and what one request may be; keys are asked for beyond loopback, or always.

    ``folders`` are those that may be indexed on the server's side. ``state_folder`` holds keys, jobs, stores and the
    cache; None is ``$XDG_STATE_HOME/commonspace`` (else ``~/.local/state/commonspace``).
    """

    host: str = "127.0.0.1"
    port: int = 7700
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    state_folder: Path | None = None
    folders: tuple[Path, ...] = ()
    require_keys: bool = False
    body_bytes: int = 64 * MEGABYTE
    request_items: int = 2048
    json_depth: int = 32
    connections: int = 1024
    drain_seconds: float = 25.0
    slots: int = 0
    batch_milliseconds: float = 25.0
    bulk_seconds: float = 60.0
    tracing_endpoint: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """In how many milliseconds 99 of 100 interactive requests of a modality are to be answered.

    A request that would take longer even if it were alone is given twice the time that it would need alone.
    """

    text: float = 500.0
    image: float = 1_000.0
    audio: float = 2_000.0
    video: float = 60_000.0
    sensor: float = 5_000.0
    table: float = 5_000.0

    def seconds(self) -> Mapping[Modality, float]:
        """The objectives under their modalities, in seconds."""
        return {modality: getattr(self, modality.value) / 1000 for modality in Modality}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """How much memory and disk answers may take; the disk keeps vectors of what was sent, so it is off."""

    memory_bytes: int = 128 * MEGABYTE
    disk_bytes: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Compute that a key without limits of its own may use, in milliseconds a second; 0 is as much as there is."""

    compute_milliseconds: float = 0.0
    burst_seconds: float = 10.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkedIndex:
    """Where the vectors that searches look at are kept, if not in memory; the store's folder stays the truth.

    ``url`` holds no password: ``secret_file`` is a file that holds a password, token or key and nothing else.
    ``exact`` looks at every row there; else the server's own approximate index finds the candidates.
    """

    backend: Literal["milvus", "postgres", "lance", "qdrant"] | None = None
    url: str | None = None
    collection: str = "commonspace"
    secret_file: Path | None = None
    exact: bool = True
    timeout_seconds: float = 10.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Whether the service fetches media that a request names by URL, from which hosts, and how much of them."""

    enabled: bool = False
    hosts: tuple[str, ...] = ()
    max_bytes: int = 20 * MEGABYTE
    seconds: float = 5.0
    redirects: int = 3
