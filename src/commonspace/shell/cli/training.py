"""How a training run looks: a bar on a terminal, a line now and then elsewhere, and a table a suite at the end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, final

from commonspace.shell.cli.answer import remark, remarks
from commonspace.shell.wording import duration, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from commonspace.align.figures import Figures
    from commonspace.align.plan import Progress
    from commonspace.apps.train.fusions import Compared

__all__ = ["PlainTraining", "fusion_table", "showing_training", "suite_tables"]

SECONDS_BETWEEN_LINES = 5.0


class _Listener(Protocol):
    def stage(self, words: str) -> None: ...

    def step(self, progress: "Progress") -> None: ...


@final
class PlainTraining:
    """For pipes and logs: every stage, and a line every few seconds."""

    def __init__(self, say: Callable[[str], None] = remark, now: Callable[[], float] = monotonic) -> None:
        self._say, self._now = say, now
        self._began = self._last = now()
        self._first: int | None = None

    def stage(self, words: str) -> None:
        """Say what begins."""
        self._say(printable(words))
        self._began = self._last = self._now()
        self._first = None

    def step(self, progress: "Progress") -> None:
        """Say how far it is, if the last line is old enough or this step was the last."""
        now = self._now()
        if self._first is None:  # the first step loads libraries: it tells nothing of the pace
            self._first, self._began = progress.step, now
        if now - self._last < SECONDS_BETWEEN_LINES and progress.step < progress.num_steps:
            return
        self._last = now
        pace = (now - self._began) / max(1, progress.step - self._first)
        left = duration((progress.num_steps - progress.step) * pace)
        told = f", {left} left" if self._first < progress.step < progress.num_steps else ""
        self._say(f"step {progress.step} of {progress.num_steps}, {_state(progress)}{told}")


@contextmanager
def showing_training() -> "Iterator[_Listener]":
    """Show a run while the block lasts; yields who listens to it."""
    console = remarks()
    if not console.is_terminal or console.is_dumb_terminal:
        yield PlainTraining()
        return
    with _bar(console) as listener:
        yield listener


@contextmanager
def _bar(console: "Console") -> "Iterator[_Listener]":
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, TextColumn("{task.fields[state]}"), console=console, transient=True) as bar:
        yield _Bar(bar, bar.add_task("starting", total=None, state=""))


@final
class _Bar:
    def __init__(self, bar: Any, task: Any) -> None:
        self._bar, self._task = bar, task
        self._score = ""

    def stage(self, words: str) -> None:
        self._bar.update(self._task, description=printable(words), total=None, completed=0, state="")

    def step(self, progress: "Progress") -> None:
        if progress.score is not None:
            self._score = f", valid {progress.score:.3f}"
        state = f"loss {progress.loss:.3f}{self._score}"
        self._bar.update(self._task, total=progress.num_steps, completed=progress.step, state=state)


def suite_tables(figures: "Sequence[Figures]", k: int) -> "Iterator[Table]":
    """One table a suite: a row a direction, R@k of every system side by side, the interval with the trained one."""
    from rich.box import SIMPLE
    from rich.table import Table

    for suite in dict.fromkeys(each.suite for each in figures):
        held = [each for each in figures if each.suite == suite]
        systems = list(dict.fromkeys(each.system for each in figures))
        table = Table(
            box=SIMPLE, title=f"{suite}: R@{k} by any item of the concept (95% interval)", title_justify="left"
        )
        table.add_column("direction")
        for name in ("queries", "items", "chance", *systems):
            table.add_column(name, justify="right")
        for direction in sorted({each.direction for each in held}):
            row = {each.system: each for each in held if each.direction == direction}
            first = next(iter(row.values()))
            counts = [str(first.num_queries), str(first.num_items), f"{first.at(k).chance:.3f}"]
            table.add_row(direction, *counts, *(_cell(row.get(name), k) for name in systems))
        yield table


def fusion_table(fused: "Compared", k: int) -> "Table":
    """One table a fusion: a row for each way and the parts that are there, R@k of both directions with intervals."""
    from rich.box import SIMPLE
    from rich.table import Table

    directions = list(dict.fromkeys(each.figures.direction for each in fused.figures))
    table = Table(box=SIMPLE, title=f"{fused.name}: R@{k} (95% interval), with parts missing", title_justify="left")
    for name in ("parts there", "way"):
        table.add_column(name)
    for name in directions:
        table.add_column(name, justify="right")
    rows = {(each.shown, each.figures.system, each.figures.direction): each.figures for each in fused.figures}
    for shown, way in dict.fromkeys((shown, way) for shown, way, _ in rows):
        table.add_row(" ".join(shown), way, *(_cell(rows.get((shown, way, name)), k) for name in directions))
    return table


def _cell(figures: "Figures | None", k: int) -> str:
    if figures is None:
        return ""
    recall = figures.at(k)
    return f"{recall.value:.3f} ({recall.low:.2f}-{recall.high:.2f})"


def _state(progress: "Progress") -> str:
    score = "" if progress.score is None else f", valid {progress.score:.3f}"
    return f"loss {progress.loss:.3f}{score}"
