"""What the evaluating commands share: where the documents go, the measuring, and how the figures are shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Protocol

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.measure import table
from commonspace.shell.cli.options import settings_for
from commonspace.shell.cli.progress import showing
from commonspace.shell.cli.request import ExitCode

if TYPE_CHECKING:
    from commonspace.apps.calibration_report import Estimate
    from commonspace.apps.collection import Collection
    from commonspace.apps.evaluation_report import EvaluationReport, TaskReport
    from commonspace.evaluate.dataset import Dataset
    from commonspace.evaluate.ranked import Run
    from commonspace.serve.settings import Settings

__all__ = ["Evaluating", "evaluated"]

FAILURES_SHOWN: Final = 5
HEAD: Final = ("measure", "shipped", "without words", "encoder alone", "difference", "chance")


class Evaluating(Protocol):
    """What every evaluating command is asked with."""

    @property
    def store(self) -> Path | None:
        """Where the documents are kept."""
        ...

    @property
    def model(self) -> str | None:
        """The space."""
        ...

    @property
    def depth(self) -> int:
        """How many documents a query."""
        ...

    @property
    def run(self) -> Path | None:
        """Where what users are shown is written."""
        ...

    @property
    def encoder_run(self) -> Path | None:
        """Where the encoder's ranking is written."""
        ...

    @property
    def seed(self) -> int:
        """Of the bootstrap."""
        ...

    @property
    def overrides(self) -> list[str]:
        """Settings."""
        ...

    @property
    def as_json(self) -> bool:
        """Whether one document is printed."""
        ...


def evaluated(request: Evaluating, read: "Callable[[], Dataset]") -> ExitCode:
    """Read a dataset, index what is new, measure all paths, and show them side by side."""
    from commonspace.apps.evaluating import evaluate

    dataset = read()
    settings = settings_for(request.overrides, model=request.model)
    with _opened(request.store, settings) as collection, showing() as show:
        report = evaluate(collection, dataset, depth=request.depth, seed=request.seed, progress=show)
    for task in report.tasks:
        alone = len(report.tasks) == 1
        _write(_run_file(request.run, task, alone=alone), task.runs.shipped, "commonspace")
        _write(_run_file(request.encoder_run, task, alone=alone), task.runs.encoder, "encoder")
    if request.as_json:
        print_json({"space": collection.space.name, "fingerprint": collection.space.fingerprint, **report.to_dict()})
    else:
        _show(report)
    return ExitCode.SOME_FAILED if report.failures else ExitCode.FINE


@contextmanager
def _opened(store: Path | None, settings: "Settings") -> "Iterator[Collection]":
    """Where the documents go: a named store, which an interrupted run goes on with, or a passing one."""
    from commonspace.shell import wire

    if store is not None:
        with wire.open_collection(store.expanduser(), settings, create=True) as collection:
            yield collection
        return
    with (
        TemporaryDirectory(prefix="commonspace-") as folder,
        wire.open_collection(Path(folder) / "corpus.cs", settings, create=True) as collection,
    ):
        yield collection


def _run_file(path: Path | None, task: "TaskReport", *, alone: bool) -> Path | None:
    """The file itself, or one for each direction: ``coco.run`` becomes ``coco.text-image.run``."""
    if path is None or alone:
        return path
    return path.with_name(f"{path.stem}.{task.name.replace('->', '-')}{path.suffix}")


def _write(path: Path | None, run: "Run", tag: str) -> None:
    from commonspace.apps.evaluation_report import trec_lines

    if path is None:
        return
    try:
        path.write_text("".join(f"{line}\n" for line in trec_lines(run, tag)), "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", fix="Name another file.") from error
    remark(f"Wrote {path}.")


def _show(report: "EvaluationReport") -> None:
    out = console()
    for task in report.tasks:
        rows = [
            (
                each.measure,
                *(_cell(one) for one in (each.shipped, each.vectors, each.encoder)),
                _cell(each.difference, sign="+"),
                f"{each.chance:.3f}",
            )
            for each in task.figures
        ]
        sizes = f"{task.num_queries} queries, {task.num_documents} documents, depth {report.depth}"
        table(f"{report.dataset}, {task.name}: {sizes}", HEAD, rows)
        if task.num_left_out:
            out.print(f"{task.num_left_out} queries left out: nothing relevant to find", markup=False)
    out.print("in brackets the 95% bootstrap interval over queries; the difference (to the encoder) is paired")
    for note in report.notes:
        out.print(note, markup=False)
    for failure in report.failures[:FAILURES_SHOWN]:
        remark(f"failed: {failure.name}: {failure.error.cause}")
    if len(report.failures) > FAILURES_SHOWN:
        remark(f"and {len(report.failures) - FAILURES_SHOWN} more, which --json lists")


def _cell(estimate: "Estimate", *, sign: str = "") -> str:
    return f"{estimate.value:{sign}.3f} ({estimate.low:{sign}.3f} to {estimate.high:{sign}.3f})"
