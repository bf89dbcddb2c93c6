"""How an indexing run looks while it runs: a bar on a terminal, a line now and then elsewhere; always on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, final

from commonspace.shell.cli.answer import remark, remarks
from commonspace.shell.wording import duration, printable

if TYPE_CHECKING:
    from rich.console import Console

    from commonspace.apps.progress import Progress

__all__ = ["PlainLines", "showing"]

SECONDS_BETWEEN_LINES = 5.0


@final
class PlainLines:
    """Progress for pipes and logs: a line every few seconds, and never two the same."""

    def __init__(self, say: Callable[[str], None] = remark, now: Callable[[], float] = monotonic) -> None:
        self._say = say
        self._now = now
        self._last = now()

    def __call__(self, progress: "Progress") -> None:
        """Say how far it is, if the last line is old enough."""
        now = self._now()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            self._say(f"{progress.done} of {progress.total} files, {_pace(progress)}")


@contextmanager
def showing() -> Iterator[Callable[["Progress"], None]]:
    """Show progress while the block runs; yields what the run reports to."""
    console = remarks()
    if not console.is_terminal or console.is_dumb_terminal:
        yield PlainLines()
        return
    with _bar(console) as report:
        yield report


@contextmanager
def _bar(console: "Console") -> "Iterator[Callable[[Progress], None]]":
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    current = TextColumn("{task.fields[current]}", style="dim", markup=False)
    with Bar(*columns, current, console=console, transient=True) as bar:
        task = bar.add_task("indexing", total=None, pace="finding files", current="")

        def report(progress: "Progress") -> None:
            name = printable(progress.current)
            bar.update(task, completed=progress.done, total=progress.total, pace=_pace(progress), current=name[:40])

        yield report


def _pace(progress: "Progress") -> str:
    parts = [f"{progress.files_per_second:.1f} files/s"]
    if progress.eta_seconds is not None:
        parts.append(f"{duration(progress.eta_seconds)} left")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    return ", ".join(parts)
