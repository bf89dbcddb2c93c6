"""Paths that a person names, as the uris that a store knows."""

from pathlib import Path

from commonspace.ingest.source import file_uri

__all__ = ["folder_uri", "under_uri"]


def folder_uri(pattern: str | Path) -> str | None:
    """The beginning of the uris of everything in a folder; None if there is no such folder."""
    path = Path(pattern).expanduser()
    return under_uri(path) if pattern != "-" and path.is_dir() else None


def under_uri(path: str | Path) -> str:
    """The beginning of the uris of everything below a path, whether or not it is there."""
    return file_uri(Path(path).expanduser()).rstrip("/") + "/"
