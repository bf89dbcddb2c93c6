"""Where the service keeps what must outlive it: keys, jobs, stores, the cache."""

import os
from pathlib import Path

from commonspace.core.errors import UsageError
from commonspace.serve.groups import Server

__all__ = ["state_folder"]


def state_folder(server: Server) -> Path:
    """The state folder, made if it is missing and open to its owner alone.

    Raises:
        UsageError: it cannot be made, or is no folder.
    """
    folder = (server.state_folder or _usual()).expanduser()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The state folder {folder} cannot be made: {error.strerror}.",
            fix="Set server.state_folder to a folder that this user may write to.",
        ) from error
    return folder


def _usual() -> Path:
    """``$XDG_STATE_HOME/commonspace``; the standard says what to do where the variable is empty or relative."""
    named = Path(os.environ.get("XDG_STATE_HOME") or "")
    return (named if named.is_absolute() else Path.home() / ".local" / "state") / "commonspace"
