"""Runs jobs in a few threads: watched, cancelled between items, resumed after a restart."""

import logging
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Condition, Thread
from time import time
from typing import Any, Final, Protocol, final

from commonspace.apps.progress import Progress
from commonspace.core.errors import (
    CommonspaceError,
    Conflict,
    DeadlineMissed,
    NotFound,
    Overloaded,
    Unavailable,
)
from commonspace.serve.alone import alone
from commonspace.serve.job import FINISHED, Job, JobState, Order, Running
from commonspace.serve.job_table import JobTable

__all__ = ["Jobs", "Report", "Work"]

FLUSH_SECONDS: Final = 0.5
MOST_ATTEMPTS: Final = 100
PAUSE_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)

Report = Callable[[Progress], None]
"""Told how far the work is, between items; raises when the work is to stop there."""


class Work(Protocol):
    """What a kind of job does; asked again after an interruption, it does only what is left."""

    def __call__(self, job: Job, report: Report) -> Mapping[str, Any]:
        """Do it all; the answer is the job's result, as JSON."""
        ...


class _Interrupted(Exception):
    """The service ends; the job goes on after the next start."""


class _Cancelled(Exception):
    """Somebody wants no more of it."""


@final
class Jobs:
    """Jobs of all tenants in one state folder, which is this process's alone. Methods block for a moment.

    Jobs of one store come one after another; tenants take turns.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time) -> None:
        self._folder = folder
        self._clock = clock
        self._changed = Condition()
        self._running: dict[str, Running] = {}
        self._works: Mapping[str, Work] = {}
        self._threads: list[Thread] = []
        self._closing = False
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_file: int | None = alone(folder)
        self._table = JobTable(folder / "jobs.db")
        self._table.recover(clock())
        self._sweep()

    def start(self, works: Mapping[str, Work], *, threads: int = 1) -> None:
        """Begin to run what is queued, and what comes."""
        self._works = works
        self._threads = [
            Thread(target=self._serve, name=f"commonspace-job-{place}", daemon=True) for place in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def close(self, timeout_seconds: float | None = None) -> None:
        """Stop between two items; what is queued or running goes on after the next start.

        Not to be called in an event loop that jobs wait for: they would wait for each other. After a timeout it may be
        called again, to wait longer.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout_seconds)
        if self._lock_file is not None and not any(thread.is_alive() for thread in self._threads):
            self._table.close()
            os.close(self._lock_file)
            self._lock_file = None

    def spool(self, id: str) -> Path:  # noqa: A002  # the field's name
        """The folder for what a job was given, made if it is missing; it goes when the job ends."""
        folder = self._folder / "spool" / id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def submit(self, order: Order) -> Job:
        """Queue an order. One that was given before under its idempotency key is the job that it became then.

        Raises:
            Conflict: the idempotency key belongs to another order.
            Overloaded: too many jobs of this tenant wait.
            Unavailable: the service ends.
        """
        with self._changed:
            if self._closing:
                raise Unavailable("The service is about to end.", fix="Try again in a moment.", retry_after_seconds=1.0)
            try:
                job = self._table.add(order, self._clock())
            except CommonspaceError:
                self._clear(order.id)
                raise
            if job.id != order.id:
                self._clear(order.id)
            self._changed.notify_all()
        return self._live(job)

    def get(self, tenant: str, id: str) -> Job:  # noqa: A002  # the field's name
        """One job of a tenant.

        Raises:
            NotFound: the tenant has no such job, or it ended long ago.
        """
        job = self._table.find(tenant, id)
        if job is None:
            raise NotFound(f"There is no job '{id[:80]}'.", fix="GET /v1/jobs lists the jobs; old ones are forgotten.")
        return self._live(job)

    def page(self, tenant: str, *, state: JobState | None = None, before: int | None = None, limit: int) -> list[Job]:
        """A tenant's jobs, newest first, from below number ``before`` on."""
        return [self._live(job) for job in self._table.page(tenant, state, before or 2**62, limit)]

    def cancel(self, tenant: str, id: str) -> Job:  # noqa: A002  # the field's name
        """End a job between two items; what it did so far is kept.

        Raises:
            NotFound: the tenant has no such job.
            Conflict: it has ended in another way.
        """
        with self._changed:
            job = self.get(tenant, id)
            if job.state is JobState.QUEUED:
                self._end(job.id, JobState.CANCELLED)
            elif job.state is JobState.RUNNING:
                self._table.change(id, cancelling=1)
                if id in self._running:
                    self._running[id].cancelled = True
            elif job.state is not JobState.CANCELLED:
                raise Conflict(f"The job has ended: it is {job.state}.", fix="There is nothing left to cancel.")
        return self.get(tenant, id)

    def cancel_all(self, tenant: str, store: str) -> None:
        """End every job of a store, as when it is dropped."""
        for job in self._table.open_jobs(tenant, store):
            try:
                self.cancel(tenant, job.id)
            except Conflict:
                continue  # it ended meanwhile

    def wait(self, tenant: str, id: str, timeout_seconds: float) -> Job:  # noqa: A002  # the field's name
        """The job when it has ended, or as it is after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.get(tenant, id).state in FINISHED, timeout_seconds)
        return self.get(tenant, id)

    def _live(self, job: Job) -> Job:
        running = self._running.get(job.id)
        return job if running is None or job.state is not JobState.RUNNING else running.job

    def _serve(self) -> None:
        while (running := self._next()) is not None:
            try:
                self._run(running)
            except Exception:  # noqa: BLE001  # the disk is full, say: the job is taken up again at the next start
                _log.exception("Job %s could not be brought to an end", running.job.id)
            finally:
                with self._changed:
                    self._running.pop(running.job.id, None)
                    self._changed.notify_all()

    def _next(self) -> Running | None:
        """The next job; waits for it. None when the service ends."""
        with self._changed:
            while not self._closing:
                now = self._clock()
                job = self._table.claim(now)
                if job is not None:
                    running = Running(job=replace(job, num_failed=0, failures=(), done=0))
                    self._running[job.id] = running
                    return running
                start = self._table.next_start()
                self._changed.wait(None if start is None else max(0.05, start - now))
        return None

    def _run(self, running: Running) -> None:
        job = running.job
        try:
            result = self._works[job.kind](job, partial(self._report, running))
        except _Interrupted:
            self._table.change(job.id, state=JobState.QUEUED, **running.progress())
        except _Cancelled:
            self._end(job.id, JobState.CANCELLED, **running.progress())
        except (Overloaded, Unavailable, DeadlineMissed) as error:
            self._put_off(running, error)
        except CommonspaceError as error:
            self._fail(running, {"code": error.code, "cause": error.cause, "fix": error.fix})
        except Exception:  # noqa: BLE001  # a bug costs its own job, never the thread
            _log.exception("Job %s failed in an unforeseen way", job.id)
            cause = "The service failed in an unforeseen way."
            self._fail(running, {"code": "internal", "cause": cause, "fix": "The operator finds it in the log."})
        else:
            self._end(job.id, JobState.DONE, result=result, **running.progress())

    def _report(self, running: Running, progress: Progress) -> None:
        running.take(progress)
        if self._closing:
            raise _Interrupted
        if running.cancelled:
            raise _Cancelled
        now = self._clock()
        if now - running.flushed >= FLUSH_SECONDS:
            running.flushed = now
            self._table.change(running.job.id, **running.progress())

    def _put_off(self, running: Running, error: Overloaded | Unavailable | DeadlineMissed) -> None:
        """There is no room for it now: it waits its turn again, unless that has happened too often."""
        if running.cancelled or running.job.attempts >= MOST_ATTEMPTS:
            self._fail(running, {"code": error.code, "cause": error.cause, "fix": error.fix})
            return
        start = self._clock() + max(PAUSE_SECONDS, error.retry_after_seconds or 0.0)
        self._table.change(running.job.id, state=JobState.QUEUED, not_before=start, **running.progress())

    def _fail(self, running: Running, error: Mapping[str, str]) -> None:
        state = JobState.CANCELLED if running.cancelled else JobState.FAILED
        self._end(running.job.id, state, error=None if running.cancelled else error, **running.progress())

    def _end(self, id: str, state: JobState, **fields: object) -> None:  # noqa: A002  # the field's name
        now = self._clock()
        self._table.change(id, state=state, ended=now, **fields)
        self._clear(id)
        self._table.prune(now)
        with self._changed:
            self._changed.notify_all()

    def _clear(self, id: str) -> None:  # noqa: A002  # the field's name
        shutil.rmtree(self._folder / "spool" / id, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what was spooled for jobs that have ended or never began."""
        wanted = self._table.waiting_ids()
        for folder in (self._folder / "spool").glob("*"):
            if folder.name not in wanted:
                shutil.rmtree(folder, ignore_errors=True)
