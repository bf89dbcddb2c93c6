"""How far an indexing run is, and how it ended."""

from dataclasses import dataclass
from typing import Any, final

from commonspace.ingest.source import ItemFailure

__all__ = ["IndexReport", "Progress", "failure_dict"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A running count of files. ``done`` counts what is settled: stored, unchanged or failed.

    ``failures`` are those since the last report.
    """

    done: int
    total: int
    failed: int
    unchanged: int
    current: str
    seconds: float
    failures: tuple[ItemFailure, ...] = ()

    @property
    def files_per_second(self) -> float:
        """Files settled a second so far; unchanged ones count."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta_seconds(self) -> float | None:
        """Seconds left at the rate so far; None before the first file."""
        return (self.total - self.done) / self.files_per_second if self.done else None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What an indexing run did to the store, by files; ``moved`` ones were known by content and not embedded again.

    ``transcribed`` counts the items in which speech was heard and written down, ``read`` those in whose pictures or
    scanned pages words were found.
    """

    added: int
    updated: int
    moved: int
    unchanged: int
    removed: int
    failures: tuple[ItemFailure, ...]
    seconds: float
    transcribed: int = 0
    read: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The report as it stands in JSON answers."""
        return {
            "added": self.added,
            "updated": self.updated,
            "moved": self.moved,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "failed": len(self.failures),
            "transcribed": self.transcribed,
            "read": self.read,
            "seconds": round(self.seconds, 3),
            "failures": [failure_dict(failure) for failure in self.failures],
        }


def failure_dict(failure: ItemFailure) -> dict[str, str]:
    """A failure as it stands in JSON answers and in the file of failures."""
    error = failure.error
    return {
        "uri": failure.uri,
        "name": failure.name,
        "code": error.item_code,
        "cause": error.cause,
        "fix": error.fix,
    }
