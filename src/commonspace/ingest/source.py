"""A source names one item before anything is known about its content."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from blake3 import blake3

from commonspace.core.errors import ItemError

__all__ = ["ItemFailure", "Source", "file_source", "file_uri", "printable", "source_of"]

NAME_CHARS = 60


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an item comes from: a file to read, bytes in hand, or text.

    ``uri`` is stable: ``file:///abs/path``, ``text:<hash>``, ``bytes:<hash>``, ``stdin:-``, or a parent's uri
    with ``#picture-3`` behind it. ``asked``: it is searched with, and some encoders take queries in another way.
    """

    uri: str
    name: str
    origin: Path | bytes | str
    asked: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFailure:
    """One item that could not be used, and why."""

    uri: str
    name: str
    error: ItemError


def source_of(item: object) -> Source:
    """The source of a Python value: a ``str`` is always text, a ``Path`` a file, ``bytes`` encoded media.

    Raises:
        ItemError: the value is none of these.
    """
    if isinstance(item, str):
        digest = blake3(item.encode("utf-8", "replace")).hexdigest()[:32]
        return Source(uri=f"text:{digest}", name=" ".join(item.split())[:NAME_CHARS], origin=item)
    if isinstance(item, Path):
        return file_source(item)
    if isinstance(item, bytes | bytearray | memoryview):
        data = bytes(item)
        digest = blake3(data).hexdigest()[:32]
        return Source(uri=f"bytes:{digest}", name=f"{len(data)} bytes", origin=data)
    raise ItemError(
        "bad_value",
        f"A value of type {type(item).__name__} is not an item.",
        fix="Give text as str, a file as pathlib.Path, encoded media as bytes, or a PIL image or Audio value.",
    )


def file_source(path: Path) -> Source:
    """The source of a file; the path is made absolute, links in it are kept."""
    absolute = path.absolute()
    return Source(uri=file_uri(absolute), name=printable(absolute.name), origin=absolute)


def file_uri(path: Path) -> str:
    """An absolute path as a ``file://`` uri, percent-encoded byte by byte."""
    return path.absolute().as_uri()


def printable(name: str) -> str:
    """A file name that is safe to store and print, whatever bytes the file system holds."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
