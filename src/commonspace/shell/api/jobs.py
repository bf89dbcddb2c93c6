"""Jobs over HTTP: how far they are, and an end to them."""

from typing import Annotated, Any, Final, Literal, final

import anyio.to_thread
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from commonspace.serve.access import Scope
from commonspace.serve.job import Job, JobState
from commonspace.shell.api.running import backend_of
from commonspace.shell.api.scopes import needs
from commonspace.shell.api.store_models import Problem
from commonspace.shell.api.terms import caller_of

__all__ = ["JobAnswer", "JobPage", "job_answer", "router"]

JOB_ID: Final = Path(
    pattern="^[A-Za-z0-9_]{1,64}$", description="The job's id.", examples=["job_5be0c6d1f2a3948576a1b2c3"]
)

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@final
class JobAnswer(BaseModel):
    """How far a job is; times in seconds since 1970. ``failures`` are the first hundred of ``failed``."""

    id: Annotated[str, Field(examples=["job_5be0c6d1f2a3948576a1b2c3"])]
    kind: Annotated[Literal["folder", "upload"], Field(examples=["folder"])]
    store: Annotated[str, Field(examples=["holidays"])]
    state: Annotated[JobState, Field(examples=["running"])]
    done: Annotated[int, Field(examples=[120])]
    total: Annotated[int | None, Field(examples=[400])]
    current: Annotated[str, Field(examples=["fjord.jpg"])]
    failed: Annotated[int, Field(examples=[0])]
    failures: Annotated[list[dict[str, str]], Field(examples=[[]])]
    attempts: Annotated[int, Field(examples=[1])]
    created: Annotated[float, Field(examples=[1790000000.0])]
    started: Annotated[float | None, Field(examples=[1790000001.0])]
    ended: Annotated[float | None, Field(examples=[None])]
    result: Annotated[dict[str, Any] | None, Field(examples=[None])]
    error: Annotated[Problem | None, Field(examples=[None])]


@final
class JobPage(BaseModel):
    """Some jobs, newest first; ``next_cursor`` leads to older ones."""

    data: list[JobAnswer]
    next_cursor: Annotated[str | None, Field(examples=[None])]


@router.get(
    "",
    operation_id="list_jobs",
    summary="List your jobs",
    response_model=JobPage,
    openapi_extra=needs(Scope.INDEX),
)
async def list_jobs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    state: Annotated[JobState | None, Query(description="Only jobs that stand so.")] = None,
    cursor: Annotated[
        str | None, Query(pattern="^[A-Za-z0-9_]{1,64}$", description="`next_cursor` of the page before.")
    ] = None,
) -> dict[str, Any]:
    """Your jobs, newest first; finished ones are forgotten after a week."""
    jobs, tenant = backend_of(request).jobs, caller_of(request).tenant

    def page() -> list[Job]:
        before = None if cursor is None else jobs.get(tenant, cursor).number
        return jobs.page(tenant, state=state, before=before, limit=limit + 1)

    found = await anyio.to_thread.run_sync(page)
    following = found[limit - 1].id if len(found) > limit else None
    return {"data": [job_answer(job) for job in found[:limit]], "next_cursor": following}


@router.get(
    "/{id}",
    operation_id="get_job",
    summary="See how far a job is",
    response_model=JobAnswer,
    openapi_extra=needs(Scope.INDEX),
)
async def get_job(request: Request, id: str = JOB_ID) -> dict[str, Any]:  # noqa: A002  # the path's name
    """Progress while it runs, the result when it is done, the error when it failed."""
    job: Job = await anyio.to_thread.run_sync(backend_of(request).jobs.get, caller_of(request).tenant, id)
    return job_answer(job)


@router.post(
    "/{id}/cancel",
    operation_id="cancel_job",
    summary="Cancel a job",
    response_model=JobAnswer,
    openapi_extra=needs(Scope.INDEX),
)
async def cancel_job(request: Request, id: str = JOB_ID) -> dict[str, Any]:  # noqa: A002  # the path's name
    """It ends between two items; what it did so far stays in the store."""
    job: Job = await anyio.to_thread.run_sync(backend_of(request).jobs.cancel, caller_of(request).tenant, id)
    return job_answer(job)


def job_answer(job: Job) -> dict[str, Any]:
    """A job as it stands in JSON answers."""
    return {
        "id": job.id,
        "kind": job.kind,
        "store": job.store,
        "state": job.state.value,
        "done": job.done,
        "total": job.total,
        "current": job.current,
        "failed": job.num_failed,
        "failures": [dict(failure) for failure in job.failures],
        "attempts": job.attempts,
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "result": job.result,
        "error": job.error,
    }
