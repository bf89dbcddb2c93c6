"""What a person names on the command line becomes a stream of sources, one bad path at a time."""

import glob
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from commonspace.core.errors import ItemError
from commonspace.ingest.limits import Limits
from commonspace.ingest.payload import os_failure
from commonspace.ingest.source import ItemFailure, Source, file_source, file_uri, printable

__all__ = ["find_sources"]

Found = Source | ItemFailure
Identity = tuple[int, int]


def find_sources(patterns: Sequence[str | Path], *, within: Path | None = None) -> Iterator[Found]:
    """Every source that the patterns name, each once.

    Folders are walked in sorted order, hidden entries left out, linked folders after real ones; globs are expanded
    where no such path exists; ``-`` is standard input. A path that cannot be used is one ``ItemFailure``. Links that
    lead out of ``within`` (a path without links) are such paths too, and are not followed.
    """
    seen: set[str] = set()
    for pattern in patterns:
        for found in _find(pattern, within):
            if found.uri not in seen:
                seen.add(found.uri)
                yield found


def _find(pattern: str | Path, within: Path | None) -> Iterator[Found]:
    if pattern == "-":
        yield _standard_input()
        return
    path = Path(pattern).expanduser()
    if not os.path.lexists(path) and glob.has_magic(str(path)):
        matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
        if matches:
            for match in matches:
                yield from _find_path(Path(match), within)
            return
    yield from _find_path(path, within)


def _find_path(path: Path, within: Path | None) -> Iterator[Found]:
    """A folder's files, or the one file."""
    absolute = path.absolute()
    try:
        status = absolute.stat()
    except OSError as error:
        yield _failure(absolute, os_failure(error))
    except ValueError:
        nowhere = ItemError("vanished", "The path holds a zero byte.", fix="Give a path that can exist.")
        yield ItemFailure(uri="file:", name=printable(path.name), error=nowhere)
    else:
        if _leads_out(absolute, within):
            yield _failure(absolute, _outside())
            return
        if not stat.S_ISDIR(status.st_mode):
            yield _file(absolute, status.st_mode)
            return
        walked: dict[Identity, Path] = {}
        waiting = [absolute]
        while waiting:
            yield from _walk(waiting.pop(0), walked, waiting, within)


def _walk(top: Path, walked: dict[Identity, Path], links: list[Path], within: Path | None) -> Iterator[Found]:
    """One folder and the real folders below it, however deep; folders behind links are queued in ``links``."""
    stack = [iter(_entries(top, walked))]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif isinstance(entry, ItemFailure):
            yield entry
        else:
            path = Path(entry.path)
            try:
                if entry.is_symlink() and _leads_out(path, within):
                    yield _failure(path, _outside())
                elif entry.is_dir(follow_symlinks=False):
                    stack.append(iter(_entries(path, walked)))
                elif entry.is_dir():
                    links.append(path)
                else:
                    yield _file(path, path.stat().st_mode)
            except OSError as error:
                yield _failure(path, os_failure(error))


def _entries(folder: Path, walked: dict[Identity, Path]) -> list["os.DirEntry[str] | ItemFailure"]:
    """What a folder shows, sorted by name; nothing if it was walked before, one failure if it cannot be read."""
    try:
        status = folder.stat()
        here = (status.st_dev, status.st_ino)
        if here in walked:
            return [_failure(folder, _loop())] if _holds(here, folder.parent) else []
        walked[here] = folder
        with os.scandir(folder) as scan:
            return sorted((entry for entry in scan if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        return [_failure(folder, os_failure(error))]


def _leads_out(path: Path, within: Path | None) -> bool:
    """Whether a path, links resolved, is neither ``within`` nor below it."""
    return within is not None and not Path(os.path.realpath(path)).is_relative_to(within)


def _outside() -> ItemError:
    return ItemError(
        "unreadable",
        "This link leads out of the folder that may be read.",
        fix="Put the file itself into the folder.",
    )


def _holds(folder: Identity, path: Path) -> bool:
    """Whether ``folder`` is ``path`` or lies above it, links resolved."""
    real = path.resolve()
    for above in (real, *real.parents):
        status = above.stat()
        if (status.st_dev, status.st_ino) == folder:
            return True
    return False


def _file(path: Path, mode: int) -> Found:
    if stat.S_ISREG(mode):
        return file_source(path)
    error = ItemError(
        "not_a_file",
        "This is a pipe, a socket or a device, not a file.",
        fix="Leave it out, or save its content to a file first.",
    )
    return _failure(path, error)


def _loop() -> ItemError:
    return ItemError(
        "link_loop",
        "This linked folder leads back to a folder that holds it.",
        fix="Remove the link; everything behind it is found anyway.",
    )


def _failure(path: Path, error: ItemError) -> ItemFailure:
    return ItemFailure(uri=file_uri(path), name=printable(path.name), error=error)


def _standard_input() -> Found:
    """All of standard input, if it fits in memory."""
    limit_bytes = Limits().memory_bytes
    data = sys.stdin.buffer.read(limit_bytes + 1)
    if len(data) <= limit_bytes:
        return Source(uri="stdin:-", name="stdin", origin=data)
    error = ItemError(
        "too_large",
        f"Standard input holds more than {limit_bytes // 1_000_000} MB.",
        fix="Save it to a file and give the file.",
    )
    return ItemFailure(uri="stdin:-", name="stdin", error=error)
