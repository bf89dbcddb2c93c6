"""Bytes of one item, read once, within a limit, and only from regular files."""

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, final

from blake3 import blake3

from commonspace.core.errors import ItemError
from commonspace.ingest.limits import MEGABYTE

__all__ = ["HEAD_BYTES", "Payload", "open_payload", "os_failure"]

HEAD_BYTES: Final = 65_536
CHUNK_BYTES: Final = 1 << 20


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Payload:
    """An open item: its first bytes, its size, and the stream to read the rest from."""

    head: bytes
    num_bytes: int
    stream: BinaryIO

    def read(self, limit_bytes: int, kind: str) -> bytes:
        """Everything, if it is within the limit.

        Raises:
            ItemError: it is larger, or the disk fails.
        """
        self.check_size(limit_bytes, kind)
        if self.num_bytes <= len(self.head):
            return self.head
        with _reading():
            rest = self.stream.read(limit_bytes + 1 - len(self.head))
        data = self.head + rest
        if len(data) > limit_bytes:
            raise _too_large(len(data), limit_bytes, kind)
        return data

    def check_size(self, limit_bytes: int, kind: str) -> None:
        """Refuse an item of more bytes than its kind may have."""
        if self.num_bytes > limit_bytes:
            raise _too_large(self.num_bytes, limit_bytes, kind)

    def whole(self) -> BinaryIO:
        """The stream from its start, for decoders that seek."""
        self.stream.seek(0)
        return self.stream

    def content_hash(self) -> str:
        """BLAKE3 of all bytes, read in chunks."""
        hasher = blake3()
        with _reading():
            self.stream.seek(0)
            while chunk := self.stream.read(CHUNK_BYTES):
                hasher.update(chunk)
        return hasher.hexdigest()


@contextmanager
def open_payload(origin: Path | bytes) -> Iterator[Payload]:
    """Open a file or bytes in hand and read the head.

    Raises:
        ItemError: vanished, unreadable, not a regular file, a link loop, or empty.
    """
    stream = io.BytesIO(origin) if isinstance(origin, bytes) else _open_file(origin)
    with stream:
        with _reading():
            num_bytes = len(origin) if isinstance(origin, bytes) else os.fstat(stream.fileno()).st_size
            head = stream.read(HEAD_BYTES)
        if not head:
            raise ItemError("empty", "The item has no bytes.", fix="Remove it, or copy it again from its source.")
        yield Payload(head=head, num_bytes=max(num_bytes, len(head)), stream=stream)


def _open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading; never blocks on a pipe or wakes a device."""
    with _reading():
        # Looking first keeps devices with effects on open untouched; looking again after closes the race.
        _check_regular(path.stat().st_mode)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check_regular(os.fstat(descriptor).st_mode)
    except ItemError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb", buffering=0x20000)


def _check_regular(mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    raise ItemError("not_a_file", f"This is {_kind_of(mode)}, not a file.", fix="Give a regular file.")


def _kind_of(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a disk device"),
    )
    return next((words for test, words in kinds if test(mode)), "something special")


@contextmanager
def _reading() -> Iterator[None]:
    """Turn the operating system's complaints into one item's error."""
    try:
        yield
    except OSError as error:
        raise os_failure(error) from None
    except ValueError:
        raise ItemError("vanished", "The path holds a zero byte.", fix="Give a path that can exist.") from None


def os_failure(error: OSError) -> ItemError:
    """An operating-system error in our words, without its path."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ItemError("vanished", "There is no file at this path.", fix="Check the path; it may have been moved.")
    if isinstance(error, PermissionError):
        return ItemError("unreadable", "Reading is not permitted.", fix="Allow this user to read it (chmod u+r).")
    if error.errno == errno.ELOOP:
        return ItemError(
            "link_loop", "This symbolic link leads back to itself.", fix="Remove the link or point it at a file."
        )
    words = os.strerror(error.errno) if error.errno else "an input error"
    return ItemError("unreadable", f"Reading failed: {words}.", fix="Check the disk and copy the file again.")


def _too_large(num_bytes: int, limit_bytes: int, kind: str) -> ItemError:
    return ItemError(
        "too_large",
        f"It has {num_bytes / MEGABYTE:.1f} MB; the limit for {kind} is {limit_bytes / MEGABYTE:.0f} MB.",
        fix="Split or compress it, or raise the limit.",
    )
