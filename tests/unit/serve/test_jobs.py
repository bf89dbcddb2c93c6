"""Jobs: run, watched, cancelled, put off, resumed after a restart and after a kill, forgotten in time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from commonspace.apps.progress import Progress
from commonspace.core.errors import Conflict, ItemError, NotFound, Overloaded, UsageError
from commonspace.ingest.source import ItemFailure
from commonspace.serve.job import Job, JobState, Order
from commonspace.serve.job_table import INTERRUPTIONS, KEPT_SECONDS, WAITING_JOBS
from commonspace.serve.jobs import Jobs, Report

LONG = 60.0


def order(tenant: str = "ann", store: str = "a", **given: Any) -> Order:
    return Order(**{"tenant": tenant, "kind": "steps", "store": store, "request": {"num": 3}, **given})


def step(done: int, total: int, *failures: ItemFailure) -> Progress:
    return Progress(
        done=done, total=total, failed=0, unchanged=0, current=f"item {done}", seconds=0.0, failures=failures
    )


@dataclass
class Steps:
    """Work of so many steps: it stops before each until it is let on."""

    free: bool = True
    begun: Event = field(default_factory=Event)
    let_on: Event = field(default_factory=Event)
    order: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def __call__(self, job: Job, report: Report) -> Mapping[str, Any]:
        self.order.append(f"{job.tenant}/{job.store}")
        self.begun.set()
        if self.errors:
            raise self.errors.pop(0)
        for done in range(1, job.request["num"] + 1):
            assert self.free or self.let_on.wait(LONG)
            report(step(done, job.request["num"]))
        return {"added": job.request["num"]}


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path)
    yield made
    made.close()


def test_a_job_runs_and_its_result_is_kept(jobs: Jobs, tmp_path: Path) -> None:
    jobs.start({"steps": Steps()})

    job = jobs.wait("ann", jobs.submit(order()).id, LONG)

    assert (job.state, job.done, job.total, job.result) == (JobState.DONE, 3, 3, {"added": 3})
    assert job.started is not None
    assert job.ended is not None
    jobs.close()
    again = Jobs(tmp_path)
    assert again.get("ann", job.id) == job
    again.close()


def test_progress_shows_while_it_runs(jobs: Jobs) -> None:
    looked = Event()

    def work(job: Job, report: Report) -> Mapping[str, Any]:
        bad = ItemFailure(uri="file:x", name="x", error=ItemError("corrupt", "Broken.", fix="Copy it."))
        report(step(2, 5, bad))
        report(step(3, 5))
        assert looked.wait(LONG)
        return {"seen": job.id}

    jobs.start({"steps": work})
    chosen = jobs.submit(order()).id
    while (job := jobs.get("ann", chosen)).done < 3:
        jobs.wait("ann", chosen, 0.01)
    looked.set()

    assert (job.state, job.done, job.total, job.current, job.num_failed) == ("running", 3, 5, "item 3", 1)
    assert job.failures[0]["code"] == "corrupt"
    assert jobs.wait("ann", chosen, LONG).failures == job.failures


def test_a_running_job_is_cancelled_between_two_items(jobs: Jobs) -> None:
    steps = Steps(free=False)
    jobs.start({"steps": steps})
    chosen = jobs.submit(order()).id
    steps.begun.wait(LONG)

    jobs.cancel("ann", chosen)
    steps.let_on.set()
    job = jobs.wait("ann", chosen, LONG)

    assert (job.state, job.done) == (JobState.CANCELLED, 1)
    assert jobs.cancel("ann", chosen) == job


def test_a_waiting_job_is_cancelled_at_once_and_never_runs(jobs: Jobs) -> None:
    job = jobs.cancel("ann", jobs.submit(order()).id)
    steps = Steps()
    jobs.start({"steps": steps})
    jobs.wait("ann", jobs.submit(order(store="b")).id, LONG)

    assert job.state is JobState.CANCELLED
    assert steps.order == ["ann/b"]


def test_what_has_ended_cannot_be_cancelled(jobs: Jobs) -> None:
    jobs.start({"steps": Steps()})
    chosen = jobs.submit(order()).id
    jobs.wait("ann", chosen, LONG)

    with pytest.raises(Conflict, match="done"):
        jobs.cancel("ann", chosen)


def test_a_job_of_another_tenant_is_not_there(jobs: Jobs) -> None:
    chosen = jobs.submit(order()).id

    for ask in (jobs.get, jobs.cancel):
        with pytest.raises(NotFound):
            ask("bob", chosen)
    assert jobs.page("bob", limit=9) == []
    assert jobs.get("ann", chosen).state is JobState.QUEUED


def test_closing_leaves_a_running_job_for_the_next_start(jobs: Jobs, tmp_path: Path) -> None:
    steps = Steps(free=False)
    jobs.start({"steps": steps})
    chosen = jobs.submit(order()).id
    steps.begun.wait(LONG)

    jobs.close(timeout_seconds=0.01)
    steps.let_on.set()
    jobs.close()
    again = Jobs(tmp_path)
    assert (again.get("ann", chosen).state, again.get("ann", chosen).attempts) == (JobState.QUEUED, 1)
    again.start({"steps": Steps()})

    job = again.wait("ann", chosen, LONG)
    again.close()
    assert (job.state, job.attempts, job.done) == (JobState.DONE, 2, 3)


def test_a_bug_or_an_error_fails_its_own_job(jobs: Jobs) -> None:
    jobs.start({"steps": Steps(errors=[ZeroDivisionError(), NotFound("There is no store.", fix="Make it.")])})
    bug, error, good = (jobs.submit(order(store=name)).id for name in "abc")

    told = [jobs.wait("ann", each, LONG) for each in (bug, error, good)]
    assert [job.state for job in told] == ["failed", "failed", "done"]
    assert [job.error and job.error["code"] for job in told] == ["internal", "not_found", None]


def test_what_there_is_no_room_for_is_put_off_and_done_later(tmp_path: Path) -> None:
    now = [1000.0]
    jobs = Jobs(tmp_path, clock=lambda: now[0])
    steps = Steps(errors=[Overloaded("Full.", fix="Later.", retry_after_seconds=5.0)])
    jobs.start({"steps": steps})
    chosen = jobs.submit(order()).id
    steps.begun.wait(LONG)
    jobs.wait("ann", jobs.submit(order(store="b")).id, LONG)

    assert jobs.get("ann", chosen).state is JobState.QUEUED
    now[0] += 6.0
    jobs.submit(order(store="c"))
    assert jobs.wait("ann", chosen, LONG).state is JobState.DONE
    jobs.close()


def test_jobs_of_one_store_come_one_after_another_and_tenants_take_turns(jobs: Jobs) -> None:
    for tenant, store in [("ann", "a"), ("ann", "b"), ("ann", "c"), ("bob", "x")]:
        jobs.submit(order(tenant, store))
    steps = Steps()
    jobs.start({"steps": steps})
    last = jobs.submit(order("ann", "c"))
    jobs.wait("ann", last.id, LONG)

    assert steps.order == ["ann/a", "bob/x", "ann/b", "ann/c", "ann/c"]


def test_two_threads_never_run_two_jobs_of_one_store(jobs: Jobs) -> None:
    steps = Steps(free=False)
    ids = [jobs.submit(order()).id for _ in range(2)]
    jobs.start({"steps": steps}, threads=2)
    steps.begun.wait(LONG)
    jobs.wait("ann", ids[1], 0.05)

    assert [jobs.get("ann", each).state for each in ids] == ["running", "queued"]
    steps.let_on.set()
    assert [jobs.wait("ann", each, LONG).state for each in ids] == ["done", "done"]


def test_the_same_key_again_is_the_same_job_and_another_order_under_it_a_conflict(jobs: Jobs) -> None:
    first = jobs.submit(order(idempotency="k"))

    assert jobs.submit(order(idempotency="k")) == first
    assert jobs.submit(order("bob", idempotency="k")).id != first.id
    assert jobs.submit(order()).id != first.id
    with pytest.raises(Conflict, match="Idempotency-Key"):
        jobs.submit(order(store="b", idempotency="k"))


def test_a_tenant_may_have_so_many_jobs_waiting(jobs: Jobs) -> None:
    for _ in range(WAITING_JOBS):
        jobs.submit(order())

    refused = order()
    (jobs.spool(refused.id) / "0").touch()
    with pytest.raises(Overloaded) as error:
        jobs.submit(refused)
    assert error.value.retry_after_seconds
    assert not (jobs.spool(refused.id) / "0").exists()
    jobs.submit(order("bob"))


def test_finished_jobs_are_forgotten_after_a_week(tmp_path: Path) -> None:
    now = [1000.0]
    jobs = Jobs(tmp_path, clock=lambda: now[0])
    jobs.start({"steps": Steps()})
    old = jobs.submit(order()).id
    jobs.wait("ann", old, LONG)
    now[0] += KEPT_SECONDS + 1
    new = jobs.submit(order()).id
    jobs.wait("ann", new, LONG)

    assert [job.id for job in jobs.page("ann", limit=9)] == [new]
    jobs.close()


def test_jobs_are_paged_newest_first(jobs: Jobs) -> None:
    ids = [jobs.submit(order(store=f"s{place}")).id for place in range(5)]

    first = jobs.page("ann", limit=3)
    rest = jobs.page("ann", limit=3, before=first[-1].number)

    assert [job.id for job in first + rest] == ids[::-1]
    assert jobs.page("ann", state=JobState.DONE, limit=3) == []


@pytest.mark.usefixtures("jobs")
def test_one_process_has_the_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Another service"):
        Jobs(tmp_path)


def test_what_ends_the_service_again_and_again_is_given_up(tmp_path: Path) -> None:
    chosen = ""
    for _ in range(INTERRUPTIONS):
        jobs = Jobs(tmp_path)
        chosen = chosen or jobs.submit(order()).id
        jobs._table.claim(1.0)  # noqa: SLF001  # begun, and then the process is gone
        jobs.close()

    jobs = Jobs(tmp_path)
    job = jobs.get("ann", chosen)
    jobs.close()
    assert (job.state, job.error and job.error["code"]) == (JobState.FAILED, "interrupted")
