"""Jobs of a service: looked at, waited for, ended; in a blocking and an awaited form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final
from urllib.parse import quote

from commonspace.core.errors import DeadlineMissed
from commonspace.serve.job import FINISHED, JobState
from commonspace.shell.client.about import document_of
from commonspace.shell.client.message import Call
from commonspace.shell.client.pooled import AsyncPool, Pool
from commonspace.shell.client.steps import Flow, Line, Pause, Until, ask

__all__ = ["AsyncJobs", "Job", "Jobs", "job_of"]

TIMEOUT_SECONDS = 60.0
WAITING_SECONDS = 3600.0
FIRST_LOOK_SECONDS: Final = 0.1
LOOK_SECONDS: Final = 2.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How far a job is: ``done`` of ``total`` items (None while they are counted), ``failed`` of them with an error.

    ``result`` is there when it is done, ``error`` when it failed; ``fields`` is everything that the service says.
    """

    id: str
    state: JobState
    done: int
    total: int | None
    failed: int
    result: Mapping[str, Any] | None
    error: Mapping[str, str] | None
    fields: Mapping[str, Any]

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in FINISHED


Watch = Callable[[Job], None]


@final
class Jobs:
    """The jobs of a service."""

    def __init__(self, pool: Pool, line: Line) -> None:
        self._pool, self._line = pool, line

    def get(self, job_id: str, *, timeout: float = TIMEOUT_SECONDS) -> Job:
        """How far a job is."""
        return self._pool.run(_get(job_id, self._line.until(timeout)))

    def wait(self, job_id: str, *, progress: Watch | None = None, timeout: float = WAITING_SECONDS) -> Job:
        """Wait until a job is finished, however it ends; ``progress`` is told whenever it got further."""
        return self._pool.run(_wait(job_id, progress, self._line.until(timeout)))

    def cancel(self, job_id: str, *, timeout: float = TIMEOUT_SECONDS) -> Job:
        """End a job between two items; what it did so far stays."""
        return self._pool.run(_cancel(job_id, self._line.until(timeout)))


@final
class AsyncJobs:
    """``Jobs``, awaited."""

    def __init__(self, pool: AsyncPool, line: Line) -> None:
        self._pool, self._line = pool, line

    async def get(self, job_id: str, *, timeout: float = TIMEOUT_SECONDS) -> Job:  # noqa: ASYNC109  the service is told of it
        """How far a job is."""
        return await self._pool.run(_get(job_id, self._line.until(timeout)))

    async def wait(
        self,
        job_id: str,
        *,
        progress: Watch | None = None,
        timeout: float = WAITING_SECONDS,  # noqa: ASYNC109  as above
    ) -> Job:
        """Wait until a job is finished, however it ends; ``progress`` is told whenever it got further."""
        return await self._pool.run(_wait(job_id, progress, self._line.until(timeout)))

    async def cancel(self, job_id: str, *, timeout: float = TIMEOUT_SECONDS) -> Job:  # noqa: ASYNC109  as above
        """End a job between two items; what it did so far stays."""
        return await self._pool.run(_cancel(job_id, self._line.until(timeout)))


def job_of(told: Mapping[str, Any]) -> Job:
    """A job as the service tells it."""
    return Job(
        id=str(told["id"]),
        state=JobState(told["state"]),
        done=int(told.get("done") or 0),
        total=told.get("total"),
        failed=int(told.get("failed") or 0),
        result=told.get("result"),
        error=told.get("error"),
        fields=told,
    )


def _get(job_id: str, until: Until) -> Flow[Job]:
    reply = yield from ask(Call(method="GET", path=_path(job_id)), until)
    return job_of(document_of(reply, until))


def _cancel(job_id: str, until: Until) -> Flow[Job]:
    reply = yield from ask(Call(method="POST", path=f"{_path(job_id)}/cancel"), until)
    return job_of(document_of(reply, until))


def _wait(job_id: str, progress: Watch | None, until: Until) -> Flow[Job]:
    """Looks come further apart the longer it takes."""
    job, pause = (yield from _get(job_id, until)), FIRST_LOOK_SECONDS
    _tell(job, progress)
    while not job.is_finished:
        if pause >= until.left():
            raise _unfinished(job)
        yield Pause(seconds=pause)
        before, pause = job, min(LOOK_SECONDS, pause * 1.5)
        try:
            job = yield from _get(job_id, until)
        except DeadlineMissed as error:
            raise _unfinished(before) from error
        if job.fields != before.fields:
            _tell(job, progress)
    return job


def _tell(job: Job, progress: Watch | None) -> None:
    if progress is not None:
        progress(job)


def _unfinished(job: Job) -> DeadlineMissed:
    return DeadlineMissed(f"The job {job.id} is {job.state} still.", fix="Wait for it again, or cancel it.")


def _path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"
