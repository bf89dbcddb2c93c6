"""A service's jobs in a process of their own, over the fake space; made to be killed.

Usage: ``python -m tests.unit.serve.jobs_child FOLDER``. It runs what is queued in ``FOLDER/state``, says ``begun`` once
the store holds something, and then holds still until it is killed.
"""

import sys
import threading
from pathlib import Path

from commonspace.apps.progress import Progress
from commonspace.serve.filling import Filling
from commonspace.serve.folders import Folders
from commonspace.serve.job import Job
from commonspace.serve.jobs import Report
from tests.unit.serve.world import small_pool, world


def main(folder: Path) -> None:
    """Run jobs until something is kept, then wait for the end."""
    with world(folder, running=False) as here:
        filling = Filling(here.stores, Folders([here.media]), small_pool, here.jobs.spool)

        def begun(job: Job, report: Report) -> dict[str, object]:
            def told(progress: Progress) -> None:
                report(progress)
                print("begun", flush=True)
                threading.Event().wait()

            return dict(filling.works()[job.kind](job, told))

        here.jobs.start(dict.fromkeys(filling.works(), begun))
        threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
