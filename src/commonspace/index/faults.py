"""What SQLite and the operating system say went wrong, told as one of our errors with a fix."""

import errno
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import final

from commonspace.core.errors import CorruptStore, StoreBusy, StoreError

__all__ = ["reported"]

_PRIMARY_CODE = 0xFF
_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED_ERRNOS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})

_Kind = tuple[type[StoreError], str, str]

_CORRUPT: _Kind = (
    CorruptStore,
    "The database of the store '{path}' is damaged ({error}).",
    "Restore the folder from a backup, or delete it and index again; `sqlite3 store.sqlite3 .recover` may help.",
)
_FULL: _Kind = (
    StoreError,
    "The disk that holds the store '{path}' is full ({error}).",
    "Free some space (or raise the quota) and run it again; nothing was half written.",
)
_REFUSED: _Kind = (
    StoreError,
    "The store '{path}' cannot be opened or written ({error}).",
    "Give this user write permission on the folder, or open the store with writable=False.",
)
_BUSY: _Kind = (
    StoreBusy,
    "The database of the store '{path}' stayed locked ({error}).",
    "Wait until the other program has finished with it, then try again.",
)
_UNREADABLE: _Kind = (
    StoreError,
    "Reading or writing the store '{path}' failed ({error}).",
    "Check the disk: its free space, the user's quota and the system log; nothing was half written.",
)
_NO_MODULE: _Kind = (
    StoreError,
    "The SQLite of this Python lacks what the store needs ({error}).",
    "Use a Python whose SQLite was built with FTS5; those of python.org, Debian and conda are.",
)
_UNFORESEEN: _Kind = (
    StoreError,
    "The database of the store '{path}' refused: {error}.",
    "Run `commonspace info` on the store; if it is sound, please report this as a bug.",
)
_KINDS: dict[int | None, _Kind] = {
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_FORMAT: _CORRUPT,
    sqlite3.SQLITE_ERROR: _CORRUPT,  # our statements are fixed and tested: the tables are not what they were
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _REFUSED,
    sqlite3.SQLITE_CANTOPEN: _REFUSED,
    sqlite3.SQLITE_PERM: _REFUSED,
    sqlite3.SQLITE_AUTH: _REFUSED,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_IOERR: _UNREADABLE,
}


@final
class reported:  # noqa: N801  (it reads as what it does: with reported(path))
    """Turn whatever SQLite or the file system raises about the store at ``path`` into a ``StoreError``."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, (sqlite3.Error, OSError, UnicodeDecodeError)):
            told, cause, fix = _kind_of(error)
            raise told(cause.format(path=self._path, error=error), fix=fix) from error


def _kind_of(error: Exception) -> _Kind:
    if isinstance(error, OSError):
        return _FULL if error.errno in _FULL_ERRNOS else _REFUSED if error.errno in _REFUSED_ERRNOS else _UNREADABLE
    code = getattr(error, "sqlite_errorcode", None)
    if code is None and "decode" in str(error):
        return _CORRUPT  # Python reads SQLite's texts and messages as UTF-8
    if "no such module" in str(error):
        return _NO_MODULE
    return _KINDS.get(code & _PRIMARY_CODE if isinstance(code, int) else None, _UNFORESEEN)
