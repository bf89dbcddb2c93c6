"""A job: work for a store that outlives the request that asked for it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, final

import orjson
from blake3 import blake3

from commonspace.apps.progress import Progress, failure_dict

__all__ = ["FINISHED", "Job", "JobState", "Order", "Running", "new_id"]

FAILURES_KEPT: Final = 100


@final
class JobState(StrEnum):
    """Where a job stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


def new_id() -> str:
    """An id that nobody guesses."""
    return f"job_{secrets.token_hex(12)}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for. Two orders of one tenant with the same ``idempotency`` key are one, if they are equal."""

    tenant: str
    kind: str
    store: str
    request: Mapping[str, Any]
    id: str = field(default_factory=new_id)
    idempotency: str | None = None

    def digest(self) -> str:
        """The same for equal orders."""
        said = orjson.dumps([self.kind, self.store, self.request], option=orjson.OPT_SORT_KEYS)
        return blake3(said).hexdigest()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How far an order is. Times are in seconds since 1970; ``failures`` are the first of ``num_failed`` items' errors.

    ``attempts`` counts how often it was begun: more than once after a restart, or when there was no room for it.
    """

    id: str
    tenant: str
    kind: str
    store: str
    request: Mapping[str, Any]
    state: JobState
    done: int
    total: int | None
    current: str
    num_failed: int
    failures: tuple[Mapping[str, str], ...]
    created: float
    started: float | None
    ended: float | None
    result: Mapping[str, Any] | None
    error: Mapping[str, str] | None
    attempts: int
    number: int


@final
@dataclass(slots=True, eq=False)
class Running:
    """A job in a thread, as of its last report."""

    job: Job
    cancelled: bool = False
    flushed: float = 0.0

    def take(self, progress: Progress) -> None:
        """Note how far it is now."""
        room = max(0, FAILURES_KEPT - len(self.job.failures))
        news = tuple(failure_dict(failure) for failure in progress.failures[:room])
        self.job = replace(
            self.job,
            done=progress.done,
            total=progress.total,
            current=progress.current,
            num_failed=self.job.num_failed + len(progress.failures),
            failures=self.job.failures + news,
        )

    def progress(self) -> dict[str, object]:
        """What a report changes of a job."""
        job = self.job
        return {
            "done": job.done,
            "total": job.total,
            "current": job.current,
            "num_failed": job.num_failed,
            "failures": job.failures,
        }
