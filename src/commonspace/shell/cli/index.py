"""``commonspace index``: bring a store in step with files, and say what could not be used."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json, remark, remarks
from commonspace.shell.cli.live import follow
from commonspace.shell.cli.options import AsJson, ModelName, Overrides, StorePath, settings_for, store_path
from commonspace.shell.cli.progress import showing
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.wiring import Collection, Wiring
from commonspace.shell.wording import duration, printable, size

if TYPE_CHECKING:
    from rich.table import Table

    from commonspace.apps.collection import Info
    from commonspace.apps.progress import IndexReport, Progress
    from commonspace.ingest.source import ItemFailure

__all__ = ["Index", "answer_index"]

FAILURES_NAME = "failures.jsonl"
FAILURES_SHOWN = 5


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Index files, folders and globs into a store, which is made if it is missing.

    Run it again to bring the store up to date: unchanged files are skipped, changed ones replaced, deleted
    ones forgotten. Safe to interrupt. Exits with 3 when some files could not be used.
    """

    paths: Annotated[
        list[str], typer.Argument(metavar="PATHS...", help="Files, folders or globs; - is standard input.")
    ]
    store: StorePath = None
    model: ModelName = None
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=0, help="Decoding processes; 0 is one a core.")
    ] = None
    failures: Annotated[
        Path | None,
        typer.Option("--failures", metavar="FILE", help="Where failures go, one JSON a line. Default: in the store."),
    ] = None
    metadata: Annotated[
        Path | None,
        typer.Option("--metadata", metavar="FILE", help="Fields of the files: CSV, JSON lines or Parquet, by path."),
    ] = None
    watch: Annotated[bool, typer.Option("--watch", help="Go on: follow what changes in the folders, until Ctrl-C.")] = (
        False
    )
    ocr: Annotated[
        bool | None, typer.Option("--ocr/--no-ocr", help="Read the words in pictures and on scanned pages.")
    ] = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_index(request: Index, wiring: Wiring) -> ExitCode:
    """Index, then say what happened."""
    settings = settings_for(
        request.overrides, model=request.model, store=request.store, workers=request.workers, ocr=request.ocr
    )
    path = store_path(settings)
    failures_path = request.failures or path / FAILURES_NAME
    with wiring.open(path, settings, create=True) as collection:
        if request.watch:
            if request.metadata is not None:
                _run(collection, request, path)
            return follow(collection, request.paths, as_json=request.as_json)
        before = collection.info()
        report = _run(collection, request, path)
        after = collection.info()
    _write_failures(failures_path, report.failures)
    if request.as_json:
        print_json(_document(report, after, failures_path))
    else:
        _show(report, before, after, failures_path)
    return ExitCode.SOME_FAILED if report.failures else ExitCode.FINE


def _run(collection: Collection, request: Index, store: Path) -> "IndexReport":
    """Index with progress; an interrupt says what is kept before it goes on its way."""
    last: list[Progress] = []

    def remember(progress: "Progress") -> None:
        last[:] = [progress]
        show(progress)

    try:
        with showing() as show:
            return collection.index(request.paths, progress=remember, metadata=request.metadata)
    except KeyboardInterrupt as interrupt:
        done = f"{last[0].done} of {last[0].total} files are done" if last else "No file was done yet"
        interrupt.add_note(f"{done}; {sum(collection.info().items.values())} items are kept in {store}.")
        interrupt.add_note("Run the same command again to resume: what is kept is not embedded again.")
        raise


def _write_failures(path: Path, failures: "Sequence[ItemFailure]") -> None:
    """Write one JSON object a line, whole or not at all; an earlier run's failures do not linger."""
    import orjson

    from commonspace.apps.progress import failure_dict

    lines = [orjson.dumps(failure_dict(each)) + b"\n" for each in failures]
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(b"".join(lines))
        partial.replace(path)
    except OSError as error:
        raise UsageError(
            f"The failures cannot be written to {path}: {error.strerror}. The index itself is complete.",
            fix="Name a file that can be written with --failures, and run the command again.",
        ) from error


def _document(report: "IndexReport", info: "Info", failures_path: Path) -> dict[str, Any]:
    return {
        "store": str(info.path),
        "space": info.to_dict()["space"],
        **report.to_dict(),
        "items": {modality.value: count for modality, count in info.items.items()},
        "failures_file": str(failures_path),
    }


def _show(report: "IndexReport", before: "Info", after: "Info", failures_path: Path) -> None:
    out = console()
    out.print(_table(before, after))
    counts = (
        ("added", report.added),
        ("updated", report.updated),
        ("moved", report.moved),
        ("unchanged", report.unchanged),
        ("removed", report.removed),
        ("failed", len(report.failures)),
    )
    words = ", ".join(f"{count} {word}" for word, count in counts if count) or "nothing to do"
    out.print(f"{words} in {duration(report.seconds)}", markup=False)
    if report.transcribed:
        items = "1 item" if report.transcribed == 1 else f"{report.transcribed} items"
        out.print(f"speech transcribed in {items}", markup=False)
    if report.read:
        items = "1 item" if report.read == 1 else f"{report.read} items"
        out.print(f"words read in {items}", markup=False)
    out.print(f"{printable(str(after.path))}: {size(after.num_bytes)}", markup=False, soft_wrap=True)
    if report.failures:
        _show_failures(report.failures, failures_path)


def _table(before: "Info", after: "Info") -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE)
    table.add_column("modality")
    table.add_column("items", justify="right")
    table.add_column("change", justify="right")
    for modality in after.space.modalities:
        count = after.items.get(modality, 0)
        change = count - before.items.get(modality, 0)
        table.add_row(modality.value, str(count), f"{change:+}" if change else "")
    return table


def _show_failures(failures: "Sequence[ItemFailure]", path: Path) -> None:
    from rich.text import Text

    out = remarks()
    for failure in failures[:FAILURES_SHOWN]:
        out.print(
            Text.assemble(("failed: ", "bold yellow"), f"{printable(failure.name)}: {printable(failure.error.cause)}"),
            soft_wrap=True,
        )
    more = len(failures) - FAILURES_SHOWN
    rest = f"and {more} more; " if more > 0 else ""
    remark(f"{rest}every failure with its cause and fix: {path}")
