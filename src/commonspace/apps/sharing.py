"""One writer for many threads: opened for the first that writes, closed after the last; their changes queue up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import final

from commonspace.index.store import Store

__all__ = ["SharedWriter"]


@final
class SharedWriter:
    """Lets the threads of one process write side by side, where the store's lock keeps other processes out."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open = open_store
        self._lock = Lock()
        self._store: Store | None = None
        self._num_users = 0

    @contextmanager
    def writing(self) -> Iterator[Store]:
        """The store, open for writing while this lasts.

        Raises:
            StoreBusy: another process is writing to it.
        """
        with self._lock:
            if self._store is None:
                self._store = self._open()
            store = self._store
            self._num_users += 1
        try:
            yield store
        finally:
            with self._lock:
                self._num_users -= 1
                if not self._num_users:
                    self._store = None
                    store.close()
