"""What pool tests have workers do; importable by name, as a pool asks."""

import os
import signal
import socket
import subprocess
import time

import numpy as np

from commonspace.core.errors import ItemError
from commonspace.ingest.heartbeat import beat

__all__ = ["dial", "double", "grow", "misbehave", "pace", "squares", "start_program", "worker_pid"]


def double(number: int) -> int:
    return 2 * number


def worker_pid(_: object) -> int:
    return os.getpid()


def misbehave(what: str) -> str:
    """Do what the item says: fine, refuse, fail, spin, die, hog."""
    if what == "refuse":
        raise ItemError("corrupt", "It is broken.", fix="Mend it.")
    if what == "fail":
        raise KeyError("/secret/path at 0x7fff1234")
    if what == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    if what == "hog":
        return str(len([np.ones(100_000_000) for _ in range(40)]))
    while what == "spin":
        pass
    return what


def pace(seconds: float) -> float:
    """Work for so long, saying so all the while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        beat()
    return seconds


def grow(num_bytes: int) -> bytes:
    return b"x" * num_bytes


def dial(address: tuple[str, int]) -> str:
    """Try to reach somebody."""
    with socket.create_connection(address, timeout=5):
        return "reached"


def start_program(words: list[str]) -> str:
    """Try to start another program."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def squares(count: int) -> dict[str, object]:
    """A large array among small things, and the same array once more."""
    numbers = np.arange(count, dtype=np.float64) ** 2
    return {"numbers": numbers, "again": [numbers], "few": np.arange(3), "words": "all of them"}
