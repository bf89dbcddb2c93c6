"""``commonspace models pull|optimize``: fetch a checkpoint from the hub, and make one quicker on this machine."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.options import AsJson, Overrides, settings_for
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.wording import printable, size

if TYPE_CHECKING:
    from commonspace.encode.hub.exports import Export
    from commonspace.encode.hub.quantise import Loss
    from commonspace.serve.settings import Settings

__all__ = ["OptimizeModel", "PullModel", "answer_optimize_model", "answer_pull_model"]

INT8 = "int8"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PullModel:
    """Fetch a checkpoint from the hub: safetensors, JSON and tokenizer files alone, each held against its hash.

    Run it again after an interruption: what has come is kept. HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are honoured.
    """

    name: Annotated[str, typer.Argument(metavar="ORG/NAME", help="The model on the hub.")]
    revision: Annotated[
        str, typer.Option("--revision", metavar="R", help="A branch, tag or commit; pinned to its commit.")
    ] = "main"
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Fetch it although its licence restricts what it may be used for.")
    ] = False
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Where to. Default: models_folder, else the user's.")
    ] = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeModel:
    """Export a checkpoint's networks for OpenVINO, if their vectors agree with PyTorch's; used from then on.

    f32 and bf16 are the same space, at a cosine of at least 0.9995. int8 is a copy with a fingerprint of its own,
    called NAME-int8, at a cosine of at least 0.99; the loss is told in every direction.
    """

    name: Annotated[str, typer.Argument(metavar="NAME", help="A checkpoint's name or folder.")]
    precision: Annotated[
        str | None, typer.Option("--precision", metavar="P", help="f32, bf16 or int8. Default: what is quick here.")
    ] = None
    pairs: Annotated[
        Path | None, typer.Option("--pairs", metavar="FOLDER", help="int8: files to calibrate with, paired by name.")
    ] = None
    to: Annotated[Path | None, typer.Option("--to", metavar="FOLDER", help="int8: where the copy goes.")] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="f32, bf16: measure only, and keep nothing.")] = False
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_pull_model(request: PullModel) -> ExitCode:
    """Fetch, then say what came."""
    from commonspace.shell.registry import pull

    pulled = pull(
        request.name,
        settings_for(request.overrides),
        revision=request.revision,
        accept_licence=request.accept_licence,
        to=request.to,
        say=_quiet if request.as_json else remark,
    )
    if request.as_json:
        print_json({**asdict(pulled), "folder": str(pulled.folder)})
        return ExitCode.FINE
    out = console()
    came = f"{pulled.num_fetched} of {pulled.num_files} files fetched, {size(pulled.num_bytes)}"
    out.print(f"{pulled.name} at {pulled.commit}: {came}", markup=False, soft_wrap=True)
    out.print(f"licence: {printable(pulled.licence)} ({pulled.licence_kind})", markup=False)
    out.print(printable(str(pulled.folder)), markup=False, soft_wrap=True)
    return ExitCode.FINE


def answer_optimize_model(request: OptimizeModel) -> ExitCode:
    """Export, compare, keep what is near enough, and show the figures."""
    settings = settings_for(request.overrides)
    if request.precision == INT8:
        return _quantize(request, settings)
    if request.pairs is not None or request.to is not None:
        raise UsageError("--pairs and --to are for --precision int8.", fix="Leave them out.")
    from commonspace.shell.registry import optimize

    say = _quiet if request.as_json else remark
    exports = optimize(request.name, settings, precision=request.precision, keep=not request.dry_run, say=say)
    if request.as_json:
        print_json({"kept": not request.dry_run, "exports": [asdict(each) for each in exports]})
        return ExitCode.FINE
    _table(exports)
    console().print("measured, nothing kept" if request.dry_run else _said(exports))
    return ExitCode.FINE


def _said(exports: "Sequence[Export]") -> str:
    slower = [str(each.modality) for each in exports if not each.kept]
    if not slower:
        return "kept: used wherever the model is loaded"
    return f"not kept, PyTorch is quicker: {', '.join(slower)}; the others are used wherever the model is loaded"


def _quantize(request: OptimizeModel, settings: "Settings") -> ExitCode:
    from commonspace.shell.registry import quantize

    if request.dry_run:
        raise UsageError("--dry-run is for f32 and bf16.", fix="Leave it out: an int8 copy touches no other model.")
    say = _quiet if request.as_json else remark
    made = quantize(request.name, settings, to=request.to, pairs=request.pairs, say=say)
    if request.as_json:
        document: dict[str, Any] = asdict(made)
        print_json({**document, "folder": str(made.folder)})
        return ExitCode.FINE
    _table(made.exports)
    if made.losses:
        _loss_table(made.losses)
    console().print(f"a space of its own: {printable(str(made.folder))}", markup=False, soft_wrap=True)
    return ExitCode.FINE


def _table(exports: "Sequence[Export]") -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table("modality", "precision", "least cosine", "mean cosine", "speed", "samples", "runs by", box=SIMPLE)
    for each in exports:
        cosines = (f"{each.least_cosine:.6f}", f"{each.mean_cosine:.6f}")
        figures = (*cosines, f"{each.speed_up:.2f}x", str(each.num_samples))
        table.add_row(each.modality, each.precision, *figures, "the export" if each.kept else each.reason)
    console().print(table)


def _loss_table(losses: "Sequence[Loss]") -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table("direction", "queries", "same best", "score change", "recall@1", box=SIMPLE)
    for each in losses:
        paired = each.recall_before is not None and each.recall_after is not None
        recall = f"{each.recall_before:.3f} -> {each.recall_after:.3f}" if paired else "-"
        told = (str(each.num_queries), f"{each.same_best:.0%}", f"{each.score_change:.4f}", recall)
        table.add_row(each.direction, *told)
    console().print(table)


def _quiet(text: str) -> None:
    """Say nothing: a document is all that was asked for."""
    del text
