"""Reads a Qt resource file (``.rcc``): a tree of names over one blob; knows nothing of what the files mean.

The layout is that of Qt's ``rcc`` tool, format versions 1 to 3 (big endian throughout):
a header (``qres``, version, offsets of tree, data and names, and flags from version 3), a tree of
fixed-size nodes (14 bytes in version 1, 22 after), names as UTF-16 with a length and a hash before them,
and data blocks each preceded by its length.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

__all__ = ["RccError", "RccFile", "read_rcc"]

_COMPRESSED_ZLIB = 1
_DIRECTORY = 2
_COMPRESSED_ZSTD = 4


@final
class RccError(ValueError):
    """The bytes are not a Qt resource file that this reader understands."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RccFile:
    """One file inside a resource file: its path (no leading slash) and its bytes, decompressed."""

    path: str
    data: bytes


def read_rcc(blob: bytes) -> Iterator[RccFile]:
    """Yield every file in the resource file, in tree order.

    Raises ``RccError`` where the magic, the version or an offset is wrong, or where a file is compressed with
    Zstandard (the standard library cannot undo it before Python 3.14).
    """
    if blob[:4] != b"qres":
        raise RccError(f"Expected the magic 'qres' but found {blob[:4]!r}: this is not a Qt resource file.")
    version, tree, data, names = struct.unpack_from(">4I", blob, 4)
    if version not in (1, 2, 3):
        raise RccError(f"Qt resource format {version} is unknown: formats 1 to 3 are read.")
    node_size = 14 if version == 1 else 22
    pending: list[tuple[int, str]] = [(0, "")]
    while pending:
        index, parent = pending.pop()
        try:
            name_offset, flags, first, second = struct.unpack_from(">IHII", blob, tree + index * node_size)
            path = f"{parent}{_name(blob, names + name_offset)}" if index else ""
            if flags & _DIRECTORY:
                prefix = f"{path}/" if path else ""
                pending.extend((child, prefix) for child in reversed(range(second, second + first)))
            else:
                yield RccFile(path=path, data=_content(blob, data + second, flags))
        except struct.error as error:
            raise RccError(f"Node {index} points outside the file ({len(blob)} bytes): it is cut short.") from error


def _name(blob: bytes, offset: int) -> str:
    (length,) = struct.unpack_from(">H", blob, offset)
    start = offset + 2 + 4  # a hash of the name lies between
    return blob[start : start + 2 * length].decode("utf-16-be")


def _content(blob: bytes, offset: int, flags: int) -> bytes:
    (length,) = struct.unpack_from(">I", blob, offset)
    raw = blob[offset + 4 : offset + 4 + length]
    if len(raw) != length:
        raise RccError(f"A file of {length} bytes is cut short at {len(raw)}.")
    if flags & _COMPRESSED_ZSTD:
        raise RccError("A file is compressed with Zstandard, which this reader does not undo.")
    if flags & _COMPRESSED_ZLIB:
        return zlib.decompress(raw[4:])  # qCompress puts the length before the stream
    return raw
