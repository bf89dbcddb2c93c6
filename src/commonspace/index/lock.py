"""One writer at a time: an advisory lock that the kernel drops when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path
from typing import Self, final

from commonspace.core.errors import StoreBusy

__all__ = ["WriterLock"]

LOCK_NAME = "writer.lock"


@final
class WriterLock:
    """Holds ``writer.lock`` in a store's folder with flock; works on local file systems."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Take the lock now or not at all.

        Raises:
            StoreBusy: another writer holds it, in this process or elsewhere.
        """
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreBusy(
                f"Another program is writing to the store '{folder}' (process {holder}).",
                fix="Wait until it has finished, or open the store with writable=False to search it meanwhile.",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let the next writer in."""
        os.close(self._descriptor)
