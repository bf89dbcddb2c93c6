"""A service of one's own for as long as it is measured: started on a free port of this machine, ended in good order."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from time import monotonic, sleep
from typing import IO, Final, final

from commonspace.core.errors import Unavailable

__all__ = ["Running", "free_port", "running", "serve_command"]

START_SECONDS: Final = 180.0
END_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.05
WORDS_SHOWN: Final = 800


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A service that is ready."""

    url: str
    process_id: int


def serve_command(port: int, overrides: Sequence[str] = ()) -> list[str]:
    """The command that serves on a port of loopback, with this interpreter and some settings."""
    pairs = ["server.host=127.0.0.1", f"server.port={port}", *overrides]
    return [sys.executable, "-m", "commonspace", "serve", *(word for pair in pairs for word in ("--set", pair))]


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, is_ready: Callable[[str], bool]) -> Iterator[Running]:
    """Run a service while the block runs; it is ready when the block begins, and is asked to end after it.

    Raises:
        Unavailable: it ended by itself, or was not ready in time; with its own last words.
    """
    url = f"http://127.0.0.1:{port}"
    with TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            _await_ready(process, url, said, is_ready)
            yield Running(url=url, process_id=process.pid)
        finally:
            _end(process)


def _await_ready(process: subprocess.Popen[bytes], url: str, said: IO[bytes], is_ready: Callable[[str], bool]) -> None:
    deadline = monotonic() + START_SECONDS
    while not is_ready(url):
        if process.poll() is not None or monotonic() > deadline:
            end = "ended by itself" if process.poll() is not None else "was not ready in time"
            said.seek(0)
            words = " ".join(said.read().decode("utf-8", "replace").split())[-WORDS_SHOWN:]
            raise Unavailable(f"The service {end}: {words}", fix="Start it yourself and give its --url.")
        sleep(LOOK_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
