"""What changes under some folders, as batches of paths; it says that something happened, not what is there now.

Events come from the operating system through watchfiles (the ``watch`` extra). They are hints: some may be lost, and a
folder on a network share may send none, so whoever listens compares with the disk now and then.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

from commonspace.core.errors import MissingExtra, UsageError

__all__ = ["TICK_SECONDS", "Stop", "changes_under", "require_watching"]

TICK_SECONDS: Final = 0.5
"""An empty batch comes at least this often, so that a listener can look at what it still waits for."""


class Stop(Protocol):
    """Says when to end; a ``threading.Event`` does."""

    def is_set(self) -> bool:
        """Whether to end now."""
        ...

    def wait(self, timeout: float) -> bool:
        """Wait for the end so many seconds at most; whether it has come."""
        ...


def require_watching() -> None:
    """Raise ``MissingExtra`` where watchfiles is not installed."""
    if find_spec("watchfiles") is None:
        raise MissingExtra("Following folders needs watchfiles.", fix="Run: pip install 'commonspace[watch]'")


def changes_under(folders: Sequence[Path], *, wanted: Callable[[Path], bool], stop: Stop) -> Iterator[frozenset[Path]]:
    """Paths that were added, changed or deleted below the folders since the last batch; an empty first batch at once.

    Nothing that happens after the first batch is missed but by the operating system. Ends when told to, or when a
    folder is gone as it begins.

    Raises:
        UsageError: the operating system watches no more folders.
        MissingExtra: watchfiles is not installed.
    """
    require_watching()
    if not folders:
        while not stop.wait(TICK_SECONDS):
            yield frozenset()
        return
    from watchfiles import watch

    try:
        for batch in watch(
            *folders,
            watch_filter=lambda _, path: wanted(Path(path)),
            stop_event=stop,
            rust_timeout=int(TICK_SECONDS * 1000),
            yield_on_timeout=True,
            ignore_permission_denied=True,
        ):
            yield frozenset(Path(path) for _, path in batch)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(
            f"These folders cannot be followed: {error}.",
            fix="Allow more (sysctl fs.inotify.max_user_watches), or set WATCHFILES_FORCE_POLLING=true.",
        ) from error
