"""``commonspace models show|compare``: one model with all that is known and measured of it, or several side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.models import card_fields
from commonspace.shell.cli.options import AsJson, Overrides, settings_for
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.wording import printable, size

if TYPE_CHECKING:
    from commonspace.encode.hub.checkup import Checkup
    from commonspace.shell.registry import Shown

__all__ = ["CompareModels", "ShowModel", "answer_compare_models", "answer_show_model"]

FIGURES_SHOWN = 12
NAME_HELP = "A space, a checkpoint's name or a folder."
Afresh = Annotated[bool, typer.Option("--check", help="Measure again, although it was measured before.")]
Quick = Annotated[bool, typer.Option("--no-check", help="Load no network: tell what is known and was measured before.")]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShowModel:
    """Tell all of a model: its contract, licence, published figures, and its health and speed as measured here.

    The first time, every network is loaded and run on sample contents; what was measured is remembered.
    """

    name: Annotated[str, typer.Argument(metavar="NAME", help=NAME_HELP)]
    check: Afresh = False
    no_check: Quick = False
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CompareModels:
    """Put models side by side: dimension, size, licence, and speed and health as measured here."""

    names: Annotated[list[str], typer.Argument(metavar="NAMES...", help="Two or more spaces, checkpoints or folders.")]
    check: Afresh = False
    no_check: Quick = False
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_show_model(request: ShowModel) -> ExitCode:
    """Show one model."""
    (shown,) = _shown([request.name], request)
    if request.as_json:
        print_json(_document(shown))
    else:
        _print(shown)
    return ExitCode.FINE


def answer_compare_models(request: CompareModels) -> ExitCode:
    """Show several models in one table, a column each."""
    if len(request.names) < 2:
        raise UsageError("There is one model to compare.", fix="Name two or more.")
    every = _shown(request.names, request)
    if request.as_json:
        print_json({"models": [_document(each) for each in every]})
        return ExitCode.FINE
    from rich.box import SIMPLE
    from rich.table import Table

    columns = [_facts(each) for each in every]
    table = Table("", *(printable(each.card.space.name) for each in every), box=SIMPLE)
    for row in dict.fromkeys(name for column in columns for name in column):
        table.add_row(row, *(column.get(row, "") for column in columns))
    console().print(table)
    for each in every:
        _warn(each)
    return ExitCode.FINE


def _shown(names: Sequence[str], request: ShowModel | CompareModels) -> "list[Shown]":
    from commonspace.shell.registry import show

    if request.check and request.no_check:
        raise UsageError("--check and --no-check exclude one another.", fix="Give one of them.")
    settings = settings_for(request.overrides)
    return [show(name, settings, check=not request.no_check, afresh=request.check, say=remark) for name in names]


def _document(shown: "Shown") -> dict[str, Any]:
    return {**card_fields(shown.card), **shown.to_dict()}


def _facts(shown: "Shown") -> dict[str, str]:
    """What a table tells of a model, row by row."""
    card, contract = shown.card, shown.contract
    facts = {
        "tier": card.space.tier.value,
        "modalities": ", ".join(card.space.modalities),
        "dimension": str(card.space.dimension),
        "size": size(card.num_bytes),
        "family": card.family,
        "source": card.source,
        "licence": f"{printable(card.licence)} ({shown.licence_kind})",
        "arithmetic": f"{contract.precision}, {f'optimised ({contract.optimised})' if contract.optimised else 'as is'}",
    }
    if contract.max_tokens is not None:
        facts["texts"] = f"{contract.max_tokens} tokens at most"
    if contract.passage_prompt or contract.query_prompt:
        facts["prompts"] = f"queries {contract.query_prompt!r}, passages {contract.passage_prompt!r}"
    if contract.audio_rate is not None:
        window = contract.audio_window_seconds
        facts["sound"] = f"{contract.audio_rate} Hz" + (f", {window:g} s at a time" if window else "")
    if "commit" in shown.pulled:
        facts["commit"] = str(shown.pulled["commit"])
    return {**facts, **(_measured(shown.checkup) if shown.checkup else {})}


def _measured(checkup: "Checkup") -> dict[str, str]:
    told = {}
    for modality, pace in checkup.paces.items():
        best = f"{pace.best_a_second:.0f}/s in batches of {pace.best_batch}"
        told[f"{modality} speed"] = f"{pace.single_milliseconds:.1f} ms alone, {best}"
    for modality, vitals in checkup.vitals.items():
        told[f"{modality} health"] = (
            f"rank {vitals.effective_rank:.1f} of {vitals.num_contents - 1}, mean cosine {vitals.mean_cosine:.2f}"
        )
    return told


def _print(shown: "Shown") -> None:
    from rich.table import Table

    out = console()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("name", printable(shown.card.space.name))
    for name, told in _facts(shown).items():
        table.add_row(name, told)
    for note in shown.contract.notes:
        table.add_row("note", printable(note))
    out.print(table)
    if shown.checkup is not None:
        out.print(f"measured on {printable(shown.checkup.machine)}", markup=False)
    for figure in shown.figures[:FIGURES_SHOWN]:
        text = f"{figure.measure} {figure.value:g} %: {figure.protocol} [{figure.source}]"
        out.print(printable(text), markup=False, soft_wrap=True)
    if len(shown.figures) > FIGURES_SHOWN:
        out.print(f"and {len(shown.figures) - FIGURES_SHOWN} more figures with --json", markup=False)
    _warn(shown)


def _warn(shown: "Shown") -> None:
    for each in shown.warnings:
        remark(f"warning: {shown.card.space.name}: {each.message}")
