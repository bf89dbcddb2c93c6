"""``commonspace index --watch``: a line for every batch of changes, until Ctrl-C."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.wording import duration, printable

if TYPE_CHECKING:
    from commonspace.apps.progress import IndexReport
    from commonspace.shell.cli.wiring import Collection

__all__ = ["follow"]

COUNTS = ("added", "updated", "moved", "removed", "failed", "transcribed", "read")


def follow(collection: "Collection", folders: Sequence[str | Path], *, as_json: bool) -> ExitCode:
    """Bring the store in step with folders and keep it so; Ctrl-C is how it ends, and is no failure."""
    out = console()
    remark("Following; Ctrl-C ends it.")
    try:
        for report in collection.watch(folders):
            if as_json:
                print_json(report.to_dict(), compact=True)
            else:
                out.print(_line(report), markup=False, soft_wrap=True)
                for failure in report.failures:
                    remark(f"failed: {failure.name}: {printable(failure.error.cause)}")
    except KeyboardInterrupt:
        remark("Ended; what was reported is kept.")
    return ExitCode.FINE


def _line(report: "IndexReport") -> str:
    """One batch: when, what it did to the store, and how long that took."""
    counts = report.to_dict()
    words = ", ".join(f"{counts[name]} {name}" for name in COUNTS if counts[name]) or "nothing to do"
    return f"{datetime.now().astimezone():%H:%M:%S}  {words} in {duration(report.seconds)}"
