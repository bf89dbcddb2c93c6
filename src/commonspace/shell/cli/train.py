"""``commonspace train``: a recipe becomes heads that the gate promotes or rejects, with every figure beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from commonspace.core.errors import MissingExtra
from commonspace.shell.cli.answer import print_json, remark
from commonspace.shell.cli.options import AsJson, flags, settings_for
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.training import showing_training
from commonspace.shell.cli.wiring import Embedder, Wiring

if TYPE_CHECKING:
    from commonspace.align.recipe import Recipe
    from commonspace.apps.train.pairs_file import LineFailure
    from commonspace.apps.train.run import RunReport

__all__ = ["Train", "answer_train"]

FAILURES_NAME = "failures.jsonl"
FAILURES_SHOWN = 5
EXTRA = ("torch", "tensorboardX")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Train heads that align modalities, from a recipe: your pairs or features in, a checked head out.

    Example: commonspace train recipe.toml --out runs/birds --set training.steps=500

    Every direction is measured before and after, beside closed-form baselines and chance. A head that loses a direction
    it was not meant to change is not promoted: the exit status is then 4. Safe to interrupt: the same command goes on
    from the last checkpoint. docs/train.md tells every key of a recipe.
    """

    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe in TOML.")]
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where the run goes. Default: runs/<its name>.")
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on from the folder's checkpoint, or forget it and start anew.")
    ] = True
    overrides: Annotated[
        list[str],
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key of the recipe: training.steps=500. Repeatable."
        ),
    ] = field(default_factory=list)
    as_json: AsJson = False


def answer_train(request: Train, wiring: Wiring) -> ExitCode:
    """Train, then say how it went and what became of the heads."""
    for name in EXTRA:
        if find_spec(name) is None:
            raise MissingExtra(f"Training needs {name}.", fix="pip install 'commonspace[train]'")
    from commonspace.align.recipe import read

    recipe = read(request.recipe, flags(request.overrides))
    folder = request.out or Path("runs") / recipe.name
    report = _run(recipe, folder, wiring, fresh=not request.resume)
    _write_failures(folder / FAILURES_NAME, report.failures)
    if request.as_json:
        print_json(_document(report))
    else:
        _show(report)
    if not report.verdict.promoted:
        return ExitCode.REJECTED
    return ExitCode.SOME_FAILED if report.failures else ExitCode.FINE


def _run(recipe: "Recipe", folder: Path, wiring: Wiring, *, fresh: bool) -> "RunReport":
    """Run the recipe with progress; an interrupt says what is kept before it goes on its way."""
    from commonspace.apps.train.run import forget, train

    def open_space(name: str | None) -> Embedder:
        return wiring.load(settings_for((), model=name))

    if fresh:
        forget(folder)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        with showing_training() as listener:
            return train(recipe, folder, open_space, listener, started=started)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"What was trained up to the last checkpoint is kept in {folder}.")
        interrupt.add_note("Run the same command again to go on from there.")
        raise


def _write_failures(path: Path, failures: "Sequence[LineFailure]") -> None:
    """One JSON object a line; an earlier run's failures do not linger."""
    import orjson

    path.write_bytes(b"".join(orjson.dumps(each.to_dict()) + b"\n" for each in failures))


def _document(report: "RunReport") -> dict[str, Any]:
    manifest = report.manifest.to_dict()
    return {
        "name": manifest["name"],
        "folder": str(report.folder),
        "heads": str(report.heads),
        "promoted": report.verdict.promoted,
        "reasons": list(report.verdict.reasons),
        "alpha": report.alpha,
        "outcome": manifest["outcome"],
        "comparison": manifest["facts"]["comparison"],
        "figures": manifest["figures"],
        "fusions": manifest["facts"]["fusions"],
        "gate": manifest["gate"],
        "notes": list(report.notes),
        "failed": len(report.failures),
        "failures": [each.to_dict() for each in report.failures],
    }


def _show(report: "RunReport") -> None:
    from rich.text import Text

    from commonspace.shell.cli.answer import console
    from commonspace.shell.cli.training import fusion_table, suite_tables

    out = console()
    for table in suite_tables(report.figures, report.manifest.recipe.gate.cutoff):
        out.print(table)
    for line in report.manifest.facts["comparison"]:
        out.print(line, markup=False, soft_wrap=True)
    gate = report.manifest.recipe.gate
    for fused in report.fusions:
        out.print(fusion_table(fused, gate.cutoff))
        for line in fused.words(gate.measure):
            out.print(line, markup=False, soft_wrap=True)
    for note in report.notes:
        out.print(note, markup=False, soft_wrap=True)
    if report.verdict.promoted:
        out.print(Text.assemble(("promoted: ", "bold green"), str(report.heads)), soft_wrap=True)
    else:
        out.print(Text.assemble(("rejected: ", "bold red"), f"the heads are kept in {report.heads}"), soft_wrap=True)
        for reason in report.verdict.reasons:
            out.print(f"  {reason}.", markup=False, soft_wrap=True)
    names = sorted(path.name for path in report.folder.iterdir() if path.is_file())
    out.print(f"in {report.folder}: {', '.join(names)}", markup=False, soft_wrap=True)
    for failure in report.failures[:FAILURES_SHOWN]:
        remark(f"failed: line {failure.number}: {failure.error.cause}")
    if len(report.failures) > FAILURES_SHOWN:
        remark(f"and {len(report.failures) - FAILURES_SHOWN} more lines, in {FAILURES_NAME}")
