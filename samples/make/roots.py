"""Reads one source file out of unpacked Debian packages, looking inside the archives that they carry.

A source is written ``package:path`` or ``package:path!member``: the path below the package's root, and the member
of a ``.zip`` (its name), of a Qt ``.rcc`` (its name) or of an OpenTTD ``.cat`` (its number).
"""

import struct
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import final

from samples.make.rcc import read_rcc

__all__ = ["Source", "SourceError", "read_source"]


@final
class SourceError(ValueError):
    """A source is not written as it should be, or its package does not hold it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a file came from: a Debian package, a path below its root, and a member where that is an archive."""

    package: str
    path: str
    member: str = ""

    @classmethod
    def parse(cls, text: str) -> "Source":
        """Read ``package:path`` or ``package:path!member``."""
        package, colon, rest = text.partition(":")
        if not colon or not package or not rest:
            raise SourceError(f"{text!r} is no source: write package:path or package:path!member.")
        path, _, member = rest.partition("!")
        return cls(package=package, path=path, member=member)

    def __str__(self) -> str:
        return f"{self.package}:{self.path}" + (f"!{self.member}" if self.member else "")


def read_source(roots: Path, source: Source) -> bytes:
    """The source file's raw bytes; ``roots`` holds one folder a package, as ``dpkg-deb -x`` leaves it."""
    path = roots / source.package / source.path
    if not path.is_file():
        raise SourceError(f"{path} is missing: unpack {source.package} there with dpkg-deb -x.")
    if not source.member:
        return path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return archive.read(source.member)
    if path.suffix == ".rcc":
        return _rcc_members(path)[source.member]
    if path.suffix == ".cat":
        return _cat_member(path.read_bytes(), int(source.member))
    raise SourceError(f"{path} is no archive that this reads (.zip, .rcc, .cat), so it has no {source.member!r}.")


@lru_cache(maxsize=4)
def _rcc_members(path: Path) -> dict[str, bytes]:
    return {file.path: file.data for file in read_rcc(path.read_bytes())}


def _cat_member(blob: bytes, number: int) -> bytes:
    """One sound of an OpenTTD sound catalogue: a table of (offset, size), and before each sound its name."""
    count = (struct.unpack_from("<I", blob)[0] & 0x7FFFFFFF) // 8
    if not 0 <= number < count:
        raise SourceError(f"The sound catalogue holds sounds 0 to {count - 1}, not {number}.")
    offset, size = struct.unpack_from("<II", blob, 8 * number)
    offset = (offset & 0x7FFFFFFF) + 1 + blob[offset & 0x7FFFFFFF]
    return blob[offset : offset + size]
