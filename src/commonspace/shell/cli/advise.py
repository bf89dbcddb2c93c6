"""``commonspace index advise``: which index for so many vectors, and why; nothing is built."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, final

import typer

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json
from commonspace.shell.cli.options import AsJson, Overrides, StorePath, settings_for
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.wording import duration, size

if TYPE_CHECKING:
    from commonspace.index.advise import Advice, Wish

__all__ = ["Advise", "answer_advise"]

NETWORKED = {
    "milvus": "Milvus, which spreads vectors over machines",
    "lance": "LanceDB on object storage, which many machines read",
}
DEFAULT_DIMENSION = 384


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Advise:
    """Say which index suits, why, what memory and time it takes, and when it is rebuilt; from formulas.

    Sizes come from the store where one is named, else from the options. `index tune` measures instead.
    """

    store: StorePath = None
    num_vectors: Annotated[int | None, typer.Option("--vectors", metavar="N", min=0, help="How many vectors.")] = None
    dimension: Annotated[int | None, typer.Option("--dimension", metavar="D", min=1, help="Numbers a vector.")] = None
    updates: Annotated[float, typer.Option("--updates", metavar="N", min=0, help="Vectors changed a day.")] = 0.0
    memory: Annotated[float, typer.Option("--memory", metavar="GB", help="Memory that it may take, in GB.")] = 8.0
    recall: Annotated[float, typer.Option("--recall", metavar="R", help="The share of the true best to find.")] = 0.95
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_advise(request: Advise) -> ExitCode:
    """Work it out and say it."""
    from commonspace.index.advise import advise

    advice = advise(_wish(request))
    if request.as_json:
        print_json(asdict(advice))
    else:
        _show(advice)
    return ExitCode.FINE


def _wish(request: Advise) -> "Wish":
    from commonspace.index.advise import Wish
    from commonspace.index.store import Store

    count, dimension = request.num_vectors, request.dimension
    if request.store is not None:
        settings = settings_for(request.overrides, store=request.store)
        with Store.open(settings.store or request.store, writable=False) as store:
            count = store.num_segments if count is None else count
            dimension = store.space.dimension if dimension is None else dimension
    if count is None:
        raise UsageError("It is not said how many vectors.", fix="Say --vectors N, or name a store: --store media.cs.")
    return Wish(
        num_vectors=count,
        dimension=dimension or DEFAULT_DIMENSION,
        updates_a_day=request.updates,
        memory_bytes=1e9 * request.memory,
        recall=request.recall,
    )


def _show(advice: "Advice") -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    out, best = console(), advice.best
    out.print(f"{best.kind.value}: {' '.join(advice.why)}", markup=False, soft_wrap=True)
    mapped = f", and {size(round(best.mapped_bytes))} mapped from disk" if best.mapped_bytes else ""
    out.print(f"memory: {size(round(best.memory_bytes))}{mapped}", markup=False)
    out.print(f"build: {duration(best.build_seconds)} on one core", markup=False)
    days = f" With these updates that is {advice.rebuilds_a_day:.2g} times a day." if advice.rebuilds_a_day else ""
    out.print(f"rebuilt: {advice.rebuild}{days}", markup=False, soft_wrap=True)
    if advice.networked is not None:
        out.print(f"beyond one machine of this size: {NETWORKED[advice.networked]}", markup=False, soft_wrap=True)
    table = Table("index", "memory", "mapped", "build", "ms a query", "recall, other modality", box=SIMPLE)
    for each in advice.estimates:
        table.add_row(
            each.kind.value,
            size(round(each.memory_bytes)),
            size(round(each.mapped_bytes)),
            duration(each.build_seconds),
            f"{each.milliseconds:.2f}",
            f"{each.cross_recall:.3f}",
            style="bold" if each is best else "",
        )
    out.print(table)
