"""A copy of the vectors in one file, to open faster: checked in full when read, never trusted, never needed.

Layout: 8 bytes of magic; the header's length (uint32); the header (JSON); blocks of up to
``CHUNK_ROWS`` segments, each with ids (int64), item keys (uint64), codes of the items' modalities and of the
segments' own (uint8 each) and vectors (float32); 32 bytes of BLAKE3 over all before. Numbers are little-endian.
"""

import json
import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, final

import numpy as np
from blake3 import blake3

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.columns import CHUNK_ROWS, Columns, segment_chunks
from commonspace.index.schema import about, number

__all__ = ["MAX_HEADER_BYTES", "Mark", "mark_of", "mark_text", "read_snapshot", "snapshot_path", "write_snapshot"]

MAGIC = b"CSFLAT02"
MAX_HEADER_BYTES = 65_536
DIGEST_BYTES = 32

Hold = Callable[[Columns, Vectors], None]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the database remembers of the snapshot last made of it; a file without this token is another's."""

    token: str
    sequence: int
    last_segment: int
    count: int


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
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        digest = blake3()
        for part in _parts(connection, mark, folder, dimension):
            digest.update(part)
            file.write(part)
        file.write(digest.digest())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)
    return mark


def read_snapshot(folder: Path, mark: Mark, hold: Hold, dimension: int) -> Columns | None:
    """Hand every block of the file to ``hold``; None where the file is missing, damaged or not the marked one.

    After None what was handed over may be rubbish: throw it away.
    """
    path = snapshot_path(folder)
    header = _header(mark, dimension)
    expected = len(header) + mark.count * _row_bytes(dimension) + DIGEST_BYTES
    try:
        if path.stat().st_size != expected:
            return None
        with path.open("rb") as file:
            if file.read(len(header)) != header:
                return None
            return _read_blocks(file, header, mark.count, hold, dimension)
    except OSError:
        return None


def _parts(connection: sqlite3.Connection, mark: Mark, folder: Path, dimension: int) -> Iterator[bytes]:
    yield _header(mark, dimension)
    for columns, vectors in segment_chunks(connection, 0, dimension, folder):
        yield columns.ids.astype("<i8").tobytes()
        yield columns.keys.astype("<u8").tobytes()
        yield columns.codes.tobytes()
        yield columns.towers.tobytes()
        yield vectors.astype("<f4").tobytes()


def _header(mark: Mark, dimension: int) -> bytes:
    record = {**asdict(mark), "dimension": dimension, "modalities": list(Modality), "block": CHUNK_ROWS}
    text = json.dumps(record, sort_keys=True).encode("utf-8")
    return MAGIC + struct.pack("<I", len(text)) + text


def _row_bytes(dimension: int) -> int:
    return 8 + 8 + 1 + 1 + 4 * dimension


def _read_blocks(file: BinaryIO, header: bytes, count: int, hold: Hold, dimension: int) -> Columns | None:
    digest = blake3(header)
    parts = []
    for start in range(0, count, CHUNK_ROWS):
        rows = min(CHUNK_ROWS, count - start)
        block = file.read(rows * _row_bytes(dimension))
        if len(block) != rows * _row_bytes(dimension):
            return None
        digest.update(block)
        ids, keys, codes, towers, vectors = (block[at:end] for at, end in _bounds(rows, len(block)))
        columns = Columns(
            ids=np.frombuffer(ids, "<i8").astype(np.int64),
            keys=np.frombuffer(keys, "<u8").astype(np.uint64),
            codes=np.frombuffer(codes, np.uint8),
            towers=np.frombuffer(towers, np.uint8),
        )
        hold(columns, np.frombuffer(vectors, "<f4").reshape(rows, dimension).astype(np.float32, copy=False))
        parts.append(columns)
    return Columns.joined(parts) if file.read() == digest.digest() else None


def _bounds(rows: int, end: int) -> Iterator[tuple[int, int]]:
    places = [0, 8 * rows, 16 * rows, 17 * rows, 18 * rows, end]
    yield from pairwise(places)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
