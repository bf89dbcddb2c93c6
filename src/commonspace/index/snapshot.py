"""A copy of the vectors in one file, to open faster: checked in full when opened, never trusted, never needed.

Layout: 8 bytes of magic; the header's length (uint32); the header (JSON, filled with spaces to a multiple of 64 bytes
in all); ids (int64), item keys (uint64), codes of the items' modalities and of the segments' own (uint8 each), zeros up
to a multiple of 64; vectors (float32); 32 bytes of BLAKE3 over all before. Numbers are little-endian. The file is
mapped: its pages are read once for the digest, and then again as they are needed. It is only ever renamed into place,
so what is mapped does not change.
"""

import json
import mmap
import sqlite3
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, final

import numpy as np
from blake3 import blake3

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.columns import Columns, segment_chunks
from commonspace.index.replacing import replacing
from commonspace.index.schema import about, number

__all__ = [
    "MAX_HEADER_BYTES",
    "Mapped",
    "Mark",
    "mark_of",
    "mark_text",
    "read_snapshot",
    "snapshot_path",
    "write_snapshot",
]

MAGIC = b"CSFLAT03"
MAX_HEADER_BYTES = 65_536
DIGEST_BYTES = 32

ALIGNMENT = 64
COLUMN_BYTES = 8 + 8 + 1 + 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the database remembers of the snapshot last made of it; a file without this token is another's."""

    token: str
    sequence: int
    last_segment: int
    count: int


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mapped:
    """What a snapshot holds: columns in memory, and vectors (n x dimension, read-only) that stay in the file."""

    columns: Columns
    vectors: Vectors


def mark_of(connection: sqlite3.Connection) -> Mark | None:
    """The snapshot that the database knows of; what cannot be read names none."""
    text = about(connection, "snapshot")
    try:
        return None if text is None else Mark(**json.loads(str(text)))
    except (ValueError, TypeError):
        return None


def mark_text(mark: Mark) -> str:
    """A mark as the database keeps it."""
    return json.dumps(asdict(mark))


def snapshot_path(folder: Path) -> Path:
    """Where a store keeps its snapshot."""
    return folder / "index" / "flat.snapshot"


def write_snapshot(connection: sqlite3.Connection, folder: Path, token: str, dimension: int) -> Mark:
    """Write all that ``connection`` sees beside the old file, bring it to disk, and only then rename it."""
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM segments").fetchone()
    (count,) = connection.execute("SELECT count(*) FROM segments").fetchone()
    mark = Mark(token=token, sequence=number(connection, "sequence"), last_segment=last, count=count)
    path = snapshot_path(folder)
    path.parent.mkdir(exist_ok=True)
    with replacing(path, path.with_suffix(".draft")) as file:
        _write(file, connection, mark, folder, dimension)
    return mark


def read_snapshot(folder: Path, mark: Mark, dimension: int) -> Mapped | None:
    """What the file holds; None where it is missing, damaged or not the marked one.

    Reads all of it once, on every core: about a second for a million vectors of 384 that the system has in memory.
    """
    header = _header(mark, dimension)
    try:
        with snapshot_path(folder).open("rb") as file:
            if file.read(len(header)) != header:
                return None
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
    start = _vectors_at(len(header), mark.count)
    end = start + 4 * dimension * mark.count
    if len(data) != end + DIGEST_BYTES:
        return None
    with memoryview(data) as whole:
        if blake3(whole[:end], max_threads=blake3.AUTO).digest() != whole[end:]:
            return None
    at = [len(header) + width * mark.count for width in (0, 8, 16, 17)]
    columns = Columns(
        ids=np.frombuffer(data, "<i8", mark.count, at[0]).astype(np.int64),
        keys=np.frombuffer(data, "<u8", mark.count, at[1]).astype(np.uint64),
        codes=np.frombuffer(data, np.uint8, mark.count, at[2]).copy(),
        towers=np.frombuffer(data, np.uint8, mark.count, at[3]).copy(),
    )
    rows = np.frombuffer(data, "<f4", mark.count * dimension, start).reshape(mark.count, dimension)
    return Mapped(columns=columns, vectors=rows.astype(np.float32, copy=False))


def _write(file: BinaryIO, connection: sqlite3.Connection, mark: Mark, folder: Path, dimension: int) -> None:
    """Every chunk goes to its five places; the digest is then taken from the file, whose pages are still in memory."""
    header = _header(mark, dimension)
    file.write(header)
    start, done = _vectors_at(len(header), mark.count), 0
    for columns, vectors in segment_chunks(connection, 0, dimension, folder):
        parts = (
            (len(header), 8, columns.ids.astype("<i8")),
            (len(header) + 8 * mark.count, 8, columns.keys.astype("<u8")),
            (len(header) + 16 * mark.count, 1, columns.codes),
            (len(header) + 17 * mark.count, 1, columns.towers),
            (start, 4 * dimension, vectors.astype("<f4")),
        )
        for place, width, values in parts:
            file.seek(place + width * done)
            file.write(values.tobytes())
        done += len(columns.ids)
    file.truncate(start + 4 * dimension * mark.count)
    file.flush()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as whole:
        digest = blake3(whole, max_threads=blake3.AUTO).digest()
    file.seek(0, 2)
    file.write(digest)


def _header(mark: Mark, dimension: int) -> bytes:
    record = {**asdict(mark), "dimension": dimension, "modalities": list(Modality)}
    text = json.dumps(record, sort_keys=True).encode("utf-8")
    text += b" " * (-(len(MAGIC) + 4 + len(text)) % ALIGNMENT)
    return MAGIC + struct.pack("<I", len(text)) + text


def _vectors_at(header_bytes: int, count: int) -> int:
    return -(-(header_bytes + COLUMN_BYTES * count) // ALIGNMENT) * ALIGNMENT
