"""One process at a time has a state folder: a lock that the kernel drops when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path

from commonspace.core.errors import UsageError

__all__ = ["alone"]


def alone(folder: Path) -> int:
    """Take the folder now or not at all; closing the answer, a file descriptor, lets go of it.

    Raises:
        UsageError: another process holds it.
    """
    descriptor = os.open(folder / "jobs.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UsageError(
            f"Another service uses the state folder '{folder}'.",
            fix="End it, or set server.state_folder to another folder.",
        ) from None
    return descriptor
