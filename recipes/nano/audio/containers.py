"""Walk the media files inside a Debian package, through the archives that games wrap them in.

Understood: the package itself, ZIP (.zip .pk3 .wz), Qt resources (.rcc) and RIFF streams laid end to end (.cat).
Every file is yielded with its exact bytes, so that its hash means the same wherever it was found.
"""

import io
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["SOUND_SUFFIXES", "package_files"]

SOUND_SUFFIXES = frozenset({".wav", ".ogg", ".oga", ".flac", ".mp3", ".opus", ".aif", ".aiff", ".g722", ".au"})
_ZIP_SUFFIXES = frozenset({".zip", ".pk3", ".wz"})
_WRAPPERS = _ZIP_SUFFIXES | {".rcc", ".cat"}
_QRC_DIRECTORY, _QRC_ZLIB, _QRC_ZSTD = 2, 1, 4


def package_files(deb: Path, suffixes: frozenset[str] = SOUND_SUFFIXES) -> Iterator[tuple[str, bytes]]:
    """Yield the path and bytes of the package's copyright file and of every file so suffixed, in its own order."""
    for path, data in _deb_members(deb, suffixes):
        suffix = PurePosixPath(path).suffix.lower()
        if suffix in suffixes or path == _copyright_path(deb):
            yield path, data
        elif suffix in _WRAPPERS:
            for inner, content in _unwrap(suffix, data, suffixes):
                yield f"{path}!{inner}", content


def _deb_members(deb: Path, suffixes: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - PIPE was asked for, so the type is known
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for member in tar:
                suffix = PurePosixPath(member.name).suffix.lower()
                path = member.name.removeprefix("./")
                wanted = suffix in suffixes | _WRAPPERS or path == _copyright_path(deb)
                stream = tar.extractfile(member) if wanted and member.isreg() else None
                if stream is not None:
                    yield path, stream.read()


def _copyright_path(deb: Path) -> str:
    return f"usr/share/doc/{deb.name.split('_')[0]}/copyright"


def _unwrap(suffix: str, data: bytes, suffixes: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    if suffix in _ZIP_SUFFIXES:
        return _zip_files(data, suffixes)
    return _qt_resources(data, suffixes) if suffix == ".rcc" else _riff_streams(data)


def _zip_files(data: bytes, suffixes: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if PurePosixPath(name).suffix.lower() in suffixes:
                yield name, archive.read(name)


def _riff_streams(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Carve RIFF files by their own declared length."""
    place = data.find(b"RIFF")
    while place >= 0:
        (length,) = struct.unpack_from("<I", data, place + 4)
        yield f"{place:08x}.wav", data[place : place + 8 + length]
        place = data.find(b"RIFF", place + 8 + length)


def _qt_resources(data: bytes, suffixes: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """Read a Qt resource file (qrc formats 1 to 3): a tree of nodes, a table of names, a heap of contents."""
    magic, version, tree, heap, names = struct.unpack_from(">4s4I", data)
    if magic != b"qres":
        return
    node_size = 14 if version == 1 else 22
    pending = [(0, "")]
    while pending:
        node, parent = pending.pop()
        name_offset, flags = struct.unpack_from(">IH", data, tree + node * node_size)
        path = parent if node == 0 else f"{parent}/{_qt_name(data, names + name_offset)}"
        first, second = struct.unpack_from(">II", data, tree + node * node_size + 6)
        if flags & _QRC_DIRECTORY:
            pending.extend((second + child, path) for child in range(first))
        elif PurePosixPath(path).suffix.lower() in suffixes and not flags & _QRC_ZSTD:
            yield path.removeprefix("/"), _qt_content(data, heap + second, compressed=bool(flags & _QRC_ZLIB))


def _qt_name(data: bytes, place: int) -> str:
    (length,) = struct.unpack_from(">H", data, place)
    return data[place + 6 : place + 6 + 2 * length].decode("utf-16-be")


def _qt_content(data: bytes, place: int, *, compressed: bool) -> bytes:
    (length,) = struct.unpack_from(">I", data, place)
    content = data[place + 4 : place + 4 + length]
    return zlib.decompress(content[4:]) if compressed else content
