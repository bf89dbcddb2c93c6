"""A file appears whole or not at all: written beside its place, brought to disk, and only then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path, draft: Path) -> Iterator[BinaryIO]:
    """A draft to write to (and read) that becomes ``path`` if all goes well, and is left where it is otherwise.

    Raises:
        OSError: the disk is full or refuses; ``path`` is what it was.
    """
    with draft.open("w+b") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
