"""The folders on the server's side that may be indexed: what a request names must lie in one, links resolved."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final
from urllib.parse import quote, unquote, urlsplit

from commonspace.core.errors import Forbidden, NotFound, UsageError

__all__ = ["Allowed", "Folders"]

LONGEST_NAME = 4096


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """A folder that may be indexed, and the allowed one that it is or lies in; both without links."""

    path: Path
    root: Path


@final
class Folders:
    """Answers the same for a place outside that is there and for one that is not."""

    def __init__(self, roots: Sequence[Path], *, private: Path | None = None) -> None:
        """Raises UsageError: an allowed folder and the service's own (``private``) lie in one another."""
        self._roots = tuple(_real(root.expanduser()) for root in roots)
        own = None if private is None else _real(private)
        for root in self._roots:
            if own is not None and (own.is_relative_to(root) or root.is_relative_to(own)):
                raise UsageError(
                    f"The folder '{root}' may be indexed, and the state folder '{own}' lies in it or around it.",
                    fix="Set server.state_folder or server.folders so that they do not overlap.",
                )

    def allowed(self, named: str) -> Allowed:
        """The folder of this name: an absolute path, or one within an allowed folder.

        Raises:
            Forbidden: it lies in no allowed folder.
            NotFound: it would be allowed, and is not there.
        """
        inside = [place for root in self._roots if (place := _inside(root, named)) is not None]
        if not inside:
            raise Forbidden(
                "This folder may not be indexed by the service.",
                fix="Name a folder within one that the operator allows (the setting server.folders).",
            )
        there = next((place for place in inside if os.path.isdir(place.path)), None)  # noqa: PTH112  # a name too long is no folder, and no error
        if there is None:
            raise NotFound("There is no such folder.", fix="Check its name; it is relative to an allowed folder.")
        return there

    def shown(self, uri: str) -> str:
        """A uri as clients see it: of a file, only its path within its allowed folder, else only its name."""
        parts = urlsplit(uri)
        if parts.scheme != "file":
            return uri
        path = Path(unquote(parts.path, errors="surrogateescape"))
        root = next((root for root in self._roots if path.is_relative_to(root)), path.parent)
        relative = quote(os.fsencode(path.relative_to(root)))
        return f"file:{relative}" + (f"#{parts.fragment}" if parts.fragment else "")


def _inside(root: Path, named: str) -> Allowed | None:
    """The named place if it lies in ``root``, whether or not it is there."""
    if "\0" in named or len(named) > LONGEST_NAME:
        return None
    path = _real(root / named)
    return Allowed(path=path, root=root) if path.is_relative_to(root) else None


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
