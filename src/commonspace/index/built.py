"""What was built over the vectors, in a file, so that it need not be built at every opening: checked, and never needed.

Layout: 8 bytes of magic; 32 bytes of BLAKE3 over all that follows; the stamp's length (uint32); the stamp (JSON); the
structure as its library writes it. The stamp says which rows it is of: how many of the store's first rows, and a digest
of their ids, biases and of a sample of their vectors. An id's vector never changes, so more rows do not make it stale.
"""

import fcntl
import json
import os
import struct
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, final

import numpy as np
from blake3 import blake3

from commonspace.core.vectors import Vectors
from commonspace.index.index import Ids
from commonspace.index.replacing import replacing

__all__ = ["Built", "BuiltFiles", "Stamp", "built_path", "read_built", "stamp_of", "write_built"]

MAGIC: Final = b"CSBUILT1"
DIGEST_BYTES: Final = 32
SAMPLE_ROWS: Final = 1_024
BIASED: Final = "-biased"
LIBRARIES: Final = ("faiss-cpu", "turbovec")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Of what a structure was built: ``count`` rows with this digest, seen at this sequence number of the store."""

    kind: str
    count: int
    sequence: int
    digest: str
    libraries: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A structure that is what its stamp says."""

    stamp: Stamp
    data: bytes


@final
class BuiltFiles:
    """What a store keeps of structures, one file a kind; those over rows with biases are others."""

    def __init__(self, folder: Path, *, biased: bool) -> None:
        self._folder = folder
        self._biased = biased

    def read(self, kind: str, ids: Ids, rows: Vectors) -> Built | None:
        """The structure of a kind over the first of these rows, if its file is good."""
        return read_built(built_path(self._folder, kind, biased=self._biased), kind, ids, rows)

    def write(self, kind: str, sequence: int, ids: Ids, rows: Vectors, data: bytes | None) -> None:
        """Keep a structure over all these rows, if there is one."""
        if data is not None:
            path = built_path(self._folder, kind, biased=self._biased)
            write_built(path, Built(stamp=stamp_of(kind, sequence, ids, rows), data=data))


def built_path(folder: Path, kind: str, *, biased: bool) -> Path:
    """Where a store keeps what was built of a kind; with biases it is another structure."""
    return folder / "index" / f"{kind}{BIASED if biased else ''}.built"


def stamp_of(kind: str, sequence: int, ids: Ids, rows: Vectors) -> Stamp:
    """The stamp of a structure over all these rows; their last number is hashed for each, the rest for a sample."""
    digest = blake3(ids.astype("<i8").tobytes())
    digest.update(rows[:, -1].astype("<f4").tobytes())
    some = np.unique(np.linspace(0, len(rows) - 1, SAMPLE_ROWS).astype(np.int64)) if len(rows) else ids[:0]
    digest.update(rows[some].astype("<f4").tobytes())
    found = ",".join(f"{name} {_version(name)}" for name in LIBRARIES)
    return Stamp(kind=kind, count=len(ids), sequence=sequence, digest=digest.hexdigest(), libraries=found)


def read_built(path: Path, kind: str, ids: Ids, rows: Vectors) -> Built | None:
    """The structure in a file, if it is whole and of this kind and of the first of these rows; else None."""
    try:
        with path.open("rb") as file:
            magic, expected, length = file.read(len(MAGIC)), file.read(DIGEST_BYTES), file.read(4)
            if magic != MAGIC:
                return None
            head = file.read(struct.unpack("<I", length)[0])
            data = file.read()
        digest = blake3(length + head, max_threads=blake3.AUTO)
        if digest.update(data).digest() != expected:
            return None
        stamp = Stamp(**json.loads(head))
    except (OSError, ValueError, TypeError, struct.error):
        return None
    if stamp.count > len(ids) or stamp != stamp_of(kind, stamp.sequence, ids[: stamp.count], rows[: stamp.count]):
        return None
    return Built(stamp=stamp, data=data)


def write_built(path: Path, built: Built) -> bool:
    """Put a structure in its place; False where another process is just doing so, or the disk refuses.

    Whoever built it writes it, readers too: a cache that is checked when read may come from anyone.
    """
    stamp = json.dumps(asdict(built.stamp)).encode("utf-8")
    head = struct.pack("<I", len(stamp)) + stamp
    digest = blake3(head)
    digest.update(built.data)
    draft = path.with_suffix(".draft")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        with draft.open("ab") as claim:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if draft.stat().st_ino != os.fstat(claim.fileno()).st_ino:
                return False
            with replacing(path, draft) as file:
                file.write(MAGIC + digest.digest() + head)
                file.write(built.data)
            _forget_others(path)
            return True
    return False


def _forget_others(path: Path) -> None:
    """What was built of kinds that the store is no longer searched with goes."""
    for other in path.parent.glob("*.built"):
        if other != path and other.stem.endswith(BIASED) == path.stem.endswith(BIASED):
            other.unlink(missing_ok=True)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
