"""What jobs do to a store: a folder brought in step, uploads kept, a killed job taken up where it ended."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from commonspace.apps.progress import Progress
from commonspace.ingest.pool import WorkerPool
from commonspace.serve.filling import FOLDER, UPLOAD, Filling, spooled
from commonspace.serve.folders import Folders
from commonspace.serve.job import Job, JobState, Order, new_id
from commonspace.serve.jobs import Report
from commonspace.serve.uploads import upload_of
from tests.unit.serve.world import World, picture, world

LONG = 60.0


def order(tenant: str = "ann", store: str = "a", **given: Any) -> Order:
    return Order(**{"tenant": tenant, "store": store, **given})


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(workers=1) as started:
        yield started


@pytest.fixture
def here(tmp_path: Path, pool: WorkerPool) -> Iterator[World]:
    with world(tmp_path, lambda: nullcontext(pool)) as made:
        made.stores.create("ann", "a")
        yield made


def names(here: World) -> list[str]:
    with here.stores.use("ann", "a") as collection:
        return sorted(item.name for item in collection.items())


def test_a_folder_job_brings_the_store_in_step_and_tells_what_failed(here: World) -> None:
    picture(here.media / "one.png", 1)
    (here.media / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (here.media / "note.txt").write_text("a heron")

    job = here.jobs.submit(order(kind=FOLDER, request={"folder": "."}))
    job = here.jobs.wait("ann", job.id, LONG)

    assert job.state is JobState.DONE, job.error
    assert job.result is not None
    assert (job.result["added"], job.result["failed"], job.num_failed) == (2, 1, 1)
    assert (job.failures[0]["uri"], job.failures[0]["code"]) == ("file:broken.png", "corrupt")
    assert names(here) == ["note.txt", "one.png"]


def test_links_out_of_the_folder_are_failures_and_are_not_followed(here: World, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_text("hunter2")
    (here.media / "linked").symlink_to(tmp_path / "secret")
    (here.media / "linked.txt").symlink_to(tmp_path / "secret" / "key.txt")
    (here.media / "note.txt").write_text("a heron")
    (here.media / "same.txt").symlink_to(here.media / "note.txt")

    job = here.jobs.wait("ann", here.jobs.submit(order(kind=FOLDER, request={"folder": "."})).id, LONG)

    assert names(here) == ["note.txt", "same.txt"]
    assert {failure["uri"] for failure in job.failures} == {"file:linked", "file:linked.txt"}


def test_an_upload_job_says_what_became_of_each_item_and_clears_up(here: World) -> None:
    png = picture(here.media / "one.png", 1).read_bytes()
    uploads = [
        upload_of(png, key="pic", name="one.png", metadata={"year": 2024}),
        upload_of("%PDF-1.4 is how a PDF begins", key=None, name="", metadata={}),
        upload_of(b"\x89PNG\r\n\x1a\n broken", key="bad", name="bad.png", metadata={}),
    ]
    chosen = new_id()
    request = spooled(uploads, here.jobs.spool(chosen))
    submitted = here.jobs.submit(order(kind=UPLOAD, request=request, id=chosen))

    job = here.jobs.wait("ann", submitted.id, LONG)

    assert job.result is not None, job.error
    assert [item["status"] for item in job.result["items"]] == ["added", "added", "failed"]
    assert [item["modality"] for item in job.result["items"]] == ["image", "text", None]
    assert (job.done, job.total, job.num_failed) == (3, 3, 1)
    with here.stores.use("ann", "a") as collection:
        stored = collection.item("upload:pic")
        assert stored is not None
        assert stored.metadata["year"] == 2024
    assert not (here.media.parent / "state" / "spool" / job.id).exists()


def test_killed_midway_a_job_goes_on_at_the_next_start_and_every_item_is_there_once(tmp_path: Path) -> None:
    num = 70
    with world(tmp_path, running=False) as here:
        here.stores.create("ann", "a")
        for place in range(num):
            (here.media / f"note{place:03}.txt").write_text(f"note {place} says heron {place * 7}")
        chosen = here.jobs.submit(order(kind=FOLDER, request={"folder": "."})).id

    kill_once_begun(tmp_path)
    with world(tmp_path) as here:
        job = here.jobs.wait("ann", chosen, LONG)
        held = names(here)

    assert (job.state, job.attempts, job.done) == (JobState.DONE, 2, num), job.error
    assert held == [f"note{place:03}.txt" for place in range(num)]
    assert job.result is not None
    assert job.result["unchanged"] > 0, "nothing was kept before the kill: the test proves little"
    assert job.result["unchanged"] + job.result["added"] == num


def kill_once_begun(folder: Path) -> None:
    """Run the child until it has kept something, and kill it without warning."""
    command = [sys.executable, "-m", "tests.unit.serve.jobs_child", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        child.kill()


def test_an_upload_job_that_was_cut_short_does_only_what_is_left(tmp_path: Path, pool: WorkerPool) -> None:
    num, begun, closing = 80, Event(), Event()
    uploads = [upload_of(f"text {place}", key=f"t{place}", name="", metadata={"n": place}) for place in range(num)]
    with world(tmp_path, lambda: nullcontext(pool), running=False) as here:
        here.stores.create("ann", "a")
        filling = Filling(here.stores, Folders([]), lambda: nullcontext(pool), here.jobs.spool)

        def held(job: Job, report: Report) -> Mapping[str, Any]:
            def told(progress: Progress) -> None:
                begun.set()
                assert closing.wait(LONG)
                report(progress)

            return filling.upload(job, told)

        here.jobs.start({UPLOAD: held})
        chosen = new_id()
        request = spooled(uploads, here.jobs.spool(chosen))
        here.jobs.submit(order(kind=UPLOAD, request=request, id=chosen))
        assert begun.wait(LONG)
        here.jobs.close(timeout_seconds=0.0)
        closing.set()
    with world(tmp_path, lambda: nullcontext(pool)) as here:
        job = here.jobs.wait("ann", chosen, LONG)
        held_now = names(here)

    assert job.result is not None, job.error
    assert (job.attempts, job.done, len(held_now)) == (2, num, num)
    assert {item["status"] for item in job.result["items"]} == {"added", "unchanged"}
