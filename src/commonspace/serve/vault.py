"""Files that only their owner may read, and the pepper: the secret that makes stolen hashes useless."""

import os
import secrets
from pathlib import Path

from commonspace.core.errors import UsageError
from commonspace.serve.secret import PEPPER_BYTES

__all__ = ["open_pepper", "open_private"]

OWNER_ONLY = 0o600


def open_private(path: Path) -> None:
    """Make sure that a file is there and that nobody but its owner may read or write it.

    Raises:
        OSError: it cannot be made, is a link, or belongs to somebody else.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, OWNER_ONLY)
    try:
        os.fchmod(descriptor, OWNER_ONLY)
    finally:
        os.close(descriptor)


def open_pepper(path: Path, *, may_make: bool) -> bytes:
    """Read the pepper, or make it where there is none; of two processes that make one, the first is believed.

    Raises:
        UsageError: it is missing though there are keys, or is no pepper.
        OSError: it cannot be read or made.
    """
    if not path.exists() and may_make:
        _make(path)
    if not path.exists():
        raise UsageError(
            f"There are keys, but not {path.name}, with which they are checked.",
            fix="Put it back from a backup, or remove keys.db and make new keys.",
        )
    open_private(path)
    pepper = path.read_bytes()
    if len(pepper) != PEPPER_BYTES:
        raise UsageError(f"{path.name} is damaged: {len(pepper)} bytes.", fix="Put it back from a backup.")
    return pepper


def _make(path: Path) -> None:
    """Write beside and link into place, so that a pepper is never seen half written nor replaced."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(PEPPER_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            return
    finally:
        beside.unlink()
