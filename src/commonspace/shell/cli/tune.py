"""``commonspace index tune``: measure indexes on one's own vectors, and keep the one that does what is wished."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.options import AsJson, Overrides, StorePath, settings_for, store_path
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.wiring import Wiring

if TYPE_CHECKING:
    from commonspace.core.vectors import Vectors
    from commonspace.index.kinds import Kind
    from commonspace.index.tune import Sample, Trial
    from commonspace.serve.settings import Settings

__all__ = ["Tune", "answer_tune"]

AUTO = "auto"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tune:
    """Measure recall and time of several indexes on a store's own vectors, and search with the quickest that will do.

    Queries are of another modality than what is searched, where the store has one: those are the hard ones. Exits
    with 1 and leaves the store as it is when none finds as much as is wished.
    """

    store: StorePath = None
    recall: Annotated[float, typer.Option("--recall", metavar="R", help="The share of the true best to find.")] = 0.95
    queries: Annotated[
        str, typer.Option("--queries", metavar="FILE", help="A file with a query a line; auto uses stored vectors.")
    ] = AUTO
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="How many hits a query wants.")] = 10
    kinds: Annotated[
        list[str], typer.Option("--kind", metavar="KIND", help="An index to measure. Repeatable; default: the usual.")
    ] = field(default_factory=list)
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write an HTML page with the table and the curve.")
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure only; keep the store's choice.")] = False
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_tune(request: Tune, wiring: Wiring) -> ExitCode:
    """Measure, show, pick, keep."""
    from commonspace.index.store import Store
    from commonspace.index.tune import build, pick, sample_of, trials

    if not 0.0 < request.recall <= 1.0:
        raise UsageError(f"--recall {request.recall} is no share.", fix="Give a number above 0, up to 1.")
    kinds = _kinds(request.kinds)
    settings = settings_for(request.overrides, store=request.store)
    path = store_path(settings)
    with Store.open(path, writable=False) as store:
        space = store.space
    bias = wiring.bias(path, space, settings)
    queries = None if request.queries == AUTO else _embedded(Path(request.queries), wiring, settings)
    sample = sample_of(path, space.dimension, bias, queries)
    measured = []
    for trial in trials(sample, request.k, kinds):
        measured.append(trial)
        if not request.as_json:
            remark(f"{trial.choice.kind.value}: recall {trial.recall:.3f} at {trial.milliseconds:.2f} ms")
    best = pick(measured, request.recall)
    if best is not None and not request.dry_run:
        with Store.open(path, space=space) as store:
            store.choose_index(best.choice)
            store.snapshot()
        build(path, space.dimension, bias)
    _show(request, sample, measured, best)
    if best is None:
        raise UsageError(
            f"None of these finds {request.recall:g} of the true best {request.k}.",
            fix="Wish for less, or let it measure flat too, which finds all: --kind flat.",
        )
    return ExitCode.FINE


def _kinds(names: list[str]) -> "tuple[Kind, ...]":
    from commonspace.index.kinds import Kind
    from commonspace.index.tune import USUAL_KINDS

    unknown = sorted(set(names) - set(Kind))
    if unknown:
        raise UsageError(f"There is no index '{unknown[0]}'.", fix=f"Use one of {', '.join(Kind)}.")
    return tuple(map(Kind, dict.fromkeys(names))) or USUAL_KINDS


def _embedded(path: Path, wiring: Wiring, settings: "Settings") -> "Vectors":
    """The lines of a file as vectors; empty lines are left out."""
    import numpy as np

    try:
        texts = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", fix="Name a text file with a query a line.") from error
    vectors = []
    for found in wiring.load(settings).try_embed(texts):
        if isinstance(found, Exception):
            raise found
        vectors.append(found.vector)
    if not vectors:
        raise UsageError(f"{path} holds no query.", fix="Write a query a line into it.")
    return np.stack(vectors)


def _facts(request: Tune, sample: "Sample", best: "Trial | None") -> dict[str, str]:
    asked = " and ".join(sample.asked_by) or f"{sample.target} (there is no other; others would be harder)"
    kept = "nothing was kept" if best is None or request.dry_run else "this is what the store is searched with now"
    return {
        "vectors": f"{len(sample.rows)} of {sample.target}, {sample.rows.shape[1]} numbers each",
        "queries": f"{len(sample.queries)} of {asked}",
        "wished": f"{request.recall:g} of the true best {request.k}",
        "picked": f"{'none' if best is None else best.choice.kind.value}: {kept}",
    }


def _show(request: Tune, sample: "Sample", measured: "list[Trial]", best: "Trial | None") -> None:
    from commonspace.shell.tuning_page import HEAD, characters, rows, write_tuning

    facts = _facts(request, sample, best)
    if request.report is not None:
        write_tuning(request.report, facts, measured)
    if request.as_json:
        if best is not None:
            print_json({**_document(request, sample, measured), "picked": asdict(best), "kept": not request.dry_run})
        return
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(*HEAD, box=SIMPLE)
    for trial, row in zip(measured, rows(measured), strict=True):
        table.add_row(*row, style="bold" if trial is best else "")
    out = console()
    out.print(table)
    out.print(characters(measured), markup=False)
    for name, words in facts.items():
        out.print(f"{name}: {words}", markup=False, soft_wrap=True)


def _document(request: Tune, sample: "Sample", measured: "list[Trial]") -> dict[str, Any]:
    return {
        "k": request.k,
        "recall": request.recall,
        "num_vectors": len(sample.rows),
        "num_queries": len(sample.queries),
        "target": sample.target.value,
        "asked_by": [modality.value for modality in sample.asked_by],
        "trials": [asdict(trial) for trial in measured],
    }
