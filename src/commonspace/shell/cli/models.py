"""``commonspace models`` and ``models list``: the spaces and checkpoints that this installation can embed with."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from commonspace.core.errors import ModelError
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.options import AsJson, Overrides, settings_for
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.wiring import Wiring
from commonspace.shell.wording import printable, size

if TYPE_CHECKING:
    from commonspace.encode.catalog import SpaceCard

__all__ = ["Models", "answer_models", "card_fields"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """List the models that are here, embedded, pulled and in the hub's cache: what each takes, its licence and size.

    `models show NAME` tells more of one; no network is loaded and nothing is fetched for this list.
    """

    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_models(request: Models, wiring: Wiring) -> ExitCode:
    """List the models."""
    settings = settings_for(request.overrides)
    cards, unusable = wiring.spaces(settings), wiring.unusable(settings)
    if request.as_json:
        broken = [{"name": each.name, "folder": str(each.folder), "cause": each.cause} for each in unusable]
        print_json({"spaces": [card_fields(card) for card in cards], "unusable": broken})
        return ExitCode.FINE
    from rich.box import SIMPLE
    from rich.table import Table

    if not cards:
        raise ModelError(
            "No space is installed here.", fix="Reinstall commonspace, or set models_folder to a folder of spaces."
        )
    table = Table("name", "tier", "modalities", "dimension", "size", "licence", "family", "source", box=SIMPLE)
    for card in cards:
        space = card.space
        names, licence = ", ".join(space.modalities), printable(card.licence)
        told = (space.tier, names, str(space.dimension), size(card.num_bytes), licence, card.family, card.source)
        table.add_row(printable(space.name), *told)
    out = console()
    out.print(table)
    for card in cards:
        if card.description:
            out.print(f"{printable(card.space.name)}: {printable(card.description)}", markup=False, soft_wrap=True)
    for each in unusable:
        remark(f"{each.name} cannot be used: {each.cause}")
    return ExitCode.FINE


def card_fields(card: "SpaceCard") -> dict[str, Any]:
    """A card as it stands in JSON; the fingerprint is null where the weights were not read."""
    space = card.space
    return {
        "name": space.name,
        "version": card.version,
        "tier": space.tier.value,
        "modalities": [modality.value for modality in space.modalities],
        "dimension": space.dimension,
        "dimensions": [*space.dimensions, space.dimension],
        "calibrated": card.calibrated,
        "fingerprint": space.fingerprint or None,
        "licence": card.licence,
        "num_bytes": card.num_bytes,
        "folder": str(card.folder),
        "description": card.description,
        "family": card.family,
        "source": card.source,
        "leaves_to": card.leaves_to,
    }
