"""One malformed file and what must become of it."""

from dataclasses import dataclass

__all__ = ["Case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file; ``code`` is the error it must give, "" if it must decode, ``None`` if either is right."""

    name: str
    data: bytes
    code: str | None = None
