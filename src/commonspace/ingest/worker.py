"""The other end of a pool: one process that runs a function on items, fenced in by resource limits.

Only a parent that holds the socket talks to it; when that end closes, the worker ends.
"""

import contextlib
import importlib
import os
import resource
import select
import signal
import threading
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

from commonspace.core.errors import ItemError
from commonspace.ingest.fence import forbid_network
from commonspace.ingest.heartbeat import LISTENER
from commonspace.ingest.shared_buffers import dumps, send_buffers

__all__ = ["BEAT", "DONE", "FUNCTION", "ITEM", "READY", "SHARED", "UNFIT", "serve"]

READY: Final = "ready"
FUNCTION: Final = "function"
UNFIT: Final = "unfit"
ITEM: Final = "item"
BEAT: Final = "beat"
DONE: Final = "done"
SHARED: Final = "shared"

OPEN_FILES: Final = 256
BEAT_SECONDS: Final = 0.5


def serve(descriptor: int, worker_bytes: int, longest_seconds: float) -> None:
    """Answer requests on a socket until its other end closes."""
    connection = Connection(descriptor)
    _fence(worker_bytes)
    threading.Thread(target=_die_with_parent, args=(descriptor,), daemon=True).start()
    warnings.simplefilter("ignore")
    _listen(connection)
    _warm()
    function: Callable[[Any], Any] | None = None
    while True:
        try:
            kind, *rest = connection.recv()
        except (EOFError, OSError):
            return
        except Exception as error:  # noqa: BLE001  # a function or an item that cannot be loaded here
            connection.send((UNFIT, f"{type(error).__name__}: {error}"))
            continue
        if kind == FUNCTION:
            function = rest[0]
            connection.send((READY,))
        elif kind == ITEM and function is not None:
            _allow_processor_time(longest_seconds)
            data, apart = dumps((DONE, rest[0], run(function, rest[1]), _peak_bytes()))
            if apart:
                connection.send((SHARED, [view.nbytes for view in apart]))
                send_buffers(connection, apart)
            connection.send_bytes(data)


def run(function: Callable[[Any], Any], item: object) -> object:
    """The function's result, or the one ``ItemError`` that says why there is none."""
    try:
        return function(item)
    except ItemError as error:
        return error
    except MemoryError:
        return ItemError(
            "out_of_memory", "Decoding needs more memory than a worker may use.", fix="Scale it down or split it."
        )
    except Exception as error:  # noqa: BLE001  # a fault in the function must cost one item, not the run
        cause = f"The decoder stopped in an unforeseen way ({type(error).__name__})."
        return ItemError("decoder_failed", cause, fix="Convert the item to another format; please report it.")


def _warm() -> None:
    """Load what nearly every item needs before any item's time runs; rarer decoders load when met."""
    importlib.import_module("commonspace.ingest.image")


def _fence(worker_bytes: int) -> None:
    """Bound memory and open files, leave no core files, and let the parent alone answer Ctrl-C.

    Where the kernel can, no network and no programs either: what breaks into a decoder stays in it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forbid_network()
    _lower(resource.RLIMIT_AS, worker_bytes)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    with contextlib.suppress(ValueError, OSError):  # some systems know a limit but do not let it be set
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _allow_processor_time(seconds: float) -> None:
    """Backstop for a parent that no longer watches: this much more processor time, then the kernel ends us."""
    _lower(resource.RLIMIT_CPU, int(time.process_time() + seconds) + 2)


def _listen(connection: Connection) -> None:
    """Tell the parent about progress, at most twice a second."""
    last = 0.0

    def report() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= BEAT_SECONDS:
            last = now
            connection.send((BEAT,))

    LISTENER.set(report)


def _die_with_parent(descriptor: int) -> None:
    """End the process when the parent's end of the socket is gone, even in the middle of an item."""
    poll = select.poll()
    poll.register(descriptor, 0)
    poll.poll()
    os._exit(1)


def _peak_bytes() -> int:
    """The most resident memory of this process so far.

    ``ru_maxrss`` would not do on Linux: a child starts with its parent's.
    """
    try:
        with open("/proc/self/status", "rb") as status:  # noqa: PTH123  # a few microseconds an item
            line = next(line for line in status if line.startswith(b"VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(line.split()[1]) * 1024
