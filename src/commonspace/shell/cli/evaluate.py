"""``commonspace evaluate beir``: how well a space finds on a folder in BEIR's format, through the whole path."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, final

import typer

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.measure import table
from commonspace.shell.cli.options import AsJson, ModelName, Overrides, settings_for
from commonspace.shell.cli.progress import showing
from commonspace.shell.cli.request import ExitCode

if TYPE_CHECKING:
    from commonspace.apps.beir import BeirReport
    from commonspace.apps.collection import Collection
    from commonspace.evaluate.metrics import Interval
    from commonspace.evaluate.ranked import Run
    from commonspace.serve.settings import Settings

__all__ = ["EvaluateBeir", "answer_evaluate_beir"]

FAILURES_SHOWN = 5
HEAD = ("measure", "shipped", "encoder alone", "difference", "chance")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateBeir:
    """Measure retrieval on a folder in BEIR's format: corpus.jsonl, queries.jsonl and qrels/test.tsv.

    The corpus is indexed and searched as users search it, and beside that compared exactly by the encoder's vectors
    alone. Documents and queries may have files of pictures, sounds and videos. Exits with 3 when some documents could
    not be used. docs/evaluate.md tells the format and the measures.
    """

    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder in BEIR's format.")]
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="Which qrels: qrels/NAME.tsv.")] = "test"
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", "-s", metavar="FOLDER", help="Keep the indexed corpus here. Default: one that is thrown away."
        ),
    ] = None
    model: ModelName = None
    depth: Annotated[int, typer.Option("--depth", metavar="K", min=1, help="How many documents a query.")] = 100
    run: Annotated[
        Path | None, typer.Option("--run", metavar="FILE", help="Write what users would be shown, as a TREC run.")
    ] = None
    encoder_run: Annotated[
        Path | None,
        typer.Option("--encoder-run", metavar="FILE", help="Write the encoder's own ranking, as a TREC run."),
    ] = None
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the bootstrap.")] = 0
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_evaluate_beir(request: EvaluateBeir) -> ExitCode:
    """Read the folder, index what is new, measure both paths, and show them side by side."""
    from commonspace.apps.beir import evaluate_beir
    from commonspace.evaluate.beir import read_dataset

    dataset = read_dataset(request.folder, split=request.split)
    settings = settings_for(request.overrides, model=request.model)
    with _opened(request.store, settings) as collection, showing() as show:
        report = evaluate_beir(collection, dataset, depth=request.depth, seed=request.seed, progress=show)
    _write(request.run, report.run, "commonspace")
    _write(request.encoder_run, report.encoder_run, "encoder")
    if request.as_json:
        print_json({"space": collection.space.name, "fingerprint": collection.space.fingerprint, **report.to_dict()})
    else:
        _show(report)
    return ExitCode.SOME_FAILED if report.taken.failures else ExitCode.FINE


@contextmanager
def _opened(store: Path | None, settings: "Settings") -> "Iterator[Collection]":
    """Where the corpus goes: a named store, which an interrupted run goes on with, or a passing one."""
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


def _write(path: Path | None, run: "Run", tag: str) -> None:
    from commonspace.apps.beir import trec_lines

    if path is None:
        return
    try:
        path.write_text("".join(f"{line}\n" for line in trec_lines(run, tag)), "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", fix="Name another file.") from error
    remark(f"Wrote {path}.")


def _show(report: "BeirReport") -> None:
    rows = [
        (
            each.measure,
            _cell(each.shipped, each.shipped_interval),
            _cell(each.encoder, each.encoder_interval),
            _cell(each.difference, each.difference_interval, sign="+"),
            f"{each.chance:.3f}",
        )
        for each in report.figures
    ]
    title = f"{report.dataset}: {report.num_queries} queries, {report.num_documents} documents, depth {report.depth}"
    table(title, HEAD, rows)
    out = console()
    out.print("in brackets the 95% bootstrap interval over queries; the difference is paired", markup=False)
    if report.num_left_out:
        out.print(f"{report.num_left_out} queries left out: nothing relevant in the corpus", markup=False)
    for failure in report.taken.failures[:FAILURES_SHOWN]:
        remark(f"failed: {failure.name}: {failure.error.cause}")
    if len(report.taken.failures) > FAILURES_SHOWN:
        remark(f"and {len(report.taken.failures) - FAILURES_SHOWN} more documents")


def _cell(value: float, interval: "Interval", *, sign: str = "") -> str:
    return f"{value:{sign}.3f} ({interval.low:{sign}.3f} to {interval.high:{sign}.3f})"
