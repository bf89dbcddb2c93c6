"""``commonspace models bridge`` and ``models bundle``: spaces made of several."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Literal, final

import typer

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json, remark, remarks
from commonspace.shell.cli.calibrate import read_queries
from commonspace.shell.cli.options import AsJson, Overrides, settings_for
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.wording import printable

if TYPE_CHECKING:
    from commonspace.apps.bridging import BridgeReport, Listener

__all__ = ["BridgeModels", "BundleModels", "answer_bridge", "answer_bundle"]

SECONDS_BETWEEN_LINES = 5.0

Out = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the new space goes.")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeModels:
    """Join two spaces through texts: pictures of the one and sounds of the other compare, with no pair of them.

    Example: commonspace models bridge openai/clip-vit-base-patch32 laion/clap-htsat-unfused --texts lines.txt -o both

    Both spaces embed the same texts, one a line; thousands of captions of the kind that you search with serve best.
    Folders of pictures and of sounds that have nothing to do with each other show where media lie beside texts.
    """

    first: Annotated[str, typer.Argument(metavar="FIRST", help="A space that reads texts.")]
    second: Annotated[str, typer.Argument(metavar="SECOND", help="Another; it takes what both have, texts apart.")]
    texts: Annotated[Path, typer.Option("--texts", metavar="FILE", help="Texts, one a line.")]
    out: Out
    images: Annotated[Path | None, typer.Option("--images", metavar="FOLDER", help="Pictures, unpaired.")] = None
    sounds: Annotated[Path | None, typer.Option("--sounds", metavar="FOLDER", help="Sounds, unpaired.")] = None
    method: Annotated[
        Literal["trained", "ridge", "procrustes", "cca"] | None,
        typer.Option("--method", help="Heads that are trained (default, with media), or a closed form (procrustes)."),
    ] = None
    reads: Annotated[
        Literal["first", "both"], typer.Option("--reads", help="Whose text tower the new space has: both give a mean.")
    ] = "both"
    steps: Annotated[int, typer.Option("--steps", metavar="N", min=1, help="Of training.")] = 300
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of what is drawn.")] = 0
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BundleModels:
    """Set spaces side by side: one vector holds them all, and a score is the weighted sum of their cosines.

    Example: commonspace models bundle nano sentence-transformers/all-mpnet-base-v2=2 --out both

    A weight may stand behind a name (NAME=2); it is one where none is given.
    """

    spaces: Annotated[list[str], typer.Argument(metavar="NAME[=WEIGHT]...", help="Two to eight spaces.")]
    out: Out
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_bridge(request: BridgeModels) -> ExitCode:
    """Join two spaces and say how it went."""
    from commonspace.apps.bridging import BridgePlan
    from commonspace.shell.joining import bridge_spaces, files_in

    plan = BridgePlan(
        name=request.out.name,
        texts=list(read_queries(request.texts)),
        images=files_in(request.images),
        sounds=files_in(request.sounds),
        method=request.method or ("trained" if request.images or request.sounds else "procrustes"),
        reads=request.reads,
        steps=request.steps,
        seed=request.seed,
    )
    settings = settings_for(request.overrides)
    with _showing() as say:
        report = bridge_spaces(request.first, request.second, request.out, plan, say=say, settings=settings)
    if request.as_json:
        print_json(report.to_dict())
    else:
        _show(report)
    return ExitCode.SOME_FAILED if report.num_failed else ExitCode.FINE


def answer_bundle(request: BundleModels) -> ExitCode:
    """Set spaces side by side."""
    from commonspace.shell.joining import bundle_spaces

    weights = [_weighted(each) for each in request.spaces]
    space = bundle_spaces(weights, request.out, request.out.name, settings_for(request.overrides))
    told = {"folder": str(request.out), "space": space.name, "dimension": space.dimension}
    if request.as_json:
        print_json({**told, "fingerprint": space.fingerprint, "modalities": list(space.modalities)})
    else:
        out = console()
        out.print(f"{printable(str(request.out))}: {space.dimension} dimensions, {', '.join(space.modalities)}")
    return ExitCode.FINE


def _weighted(told: str) -> tuple[str, float]:
    name, equals, weight = told.rpartition("=")
    if not equals:
        return told, 1.0
    try:
        return name, float(weight)
    except ValueError:
        raise UsageError(f"'{told}' has no number for a weight.", fix="Write NAME=2, or NAME alone.") from None


def _show(report: "BridgeReport") -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table("way", "held-out texts brought together", box=SIMPLE)
    for name, score in report.scores.items():
        table.add_row(f"{name}, taken" if name == report.method else name, f"{score:.3f}")
    out = console()
    out.print(table)
    media = ", ".join(f"{count} {name}" for name, count in report.num_media.items()) or "no media"
    out.print(f"{report.num_texts} texts, {media}; in {printable(str(report.folder))}", markup=False, soft_wrap=True)
    if report.num_failed:
        remark(f"{report.num_failed} texts or files could not be embedded and were left out")


@contextmanager
def _showing() -> "Iterator[Listener]":
    """A bar on a terminal, a line now and then elsewhere; on stderr."""
    out = remarks()
    if out.is_terminal and not out.is_dumb_terminal:
        from rich.progress import Progress

        with Progress(console=out, transient=True) as bar:
            task = bar.add_task("starting", total=None)
            yield lambda what, done, total: bar.update(task, description=printable(what), completed=done, total=total)
        return
    last = monotonic()

    def line(what: str, done: int, total: int) -> None:
        nonlocal last
        if monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = monotonic()
            remark(f"{what}: {done} of {total}")

    yield line
