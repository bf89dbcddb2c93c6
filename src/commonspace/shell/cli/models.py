"""``commonspace models``: the spaces that this installation can embed with."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from commonspace.core.errors import ModelError
from commonspace.shell.cli.answer import console, print_json
from commonspace.shell.cli.options import AsJson, Overrides, settings_for
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.wiring import Wiring
from commonspace.shell.wording import printable, size

if TYPE_CHECKING:
    from commonspace.encode.catalog import SpaceCard

__all__ = ["Models", "answer_models"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """List the spaces that are here: what each takes, its dimension, licence and size."""

    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_models(request: Models, wiring: Wiring) -> ExitCode:
    """List the spaces."""
    cards = wiring.spaces(settings_for(request.overrides))
    if request.as_json:
        print_json({"spaces": [_fields(card) for card in cards]})
        return ExitCode.FINE
    from rich.box import SIMPLE
    from rich.table import Table

    if not cards:
        raise ModelError(
            "No space is installed here.", fix="Reinstall commonspace, or set models_folder to a folder of spaces."
        )
    table = Table("name", "tier", "modalities", "dimension", "size", "licence", box=SIMPLE)
    for card in cards:
        space = card.space
        names = ", ".join(space.modalities)
        licence = printable(card.licence)
        table.add_row(printable(space.name), space.tier, names, str(space.dimension), size(card.num_bytes), licence)
    out = console()
    out.print(table)
    for card in cards:
        out.print(f"{printable(card.space.name)}: {printable(card.description)}", markup=False, soft_wrap=True)
    return ExitCode.FINE


def _fields(card: "SpaceCard") -> dict[str, Any]:
    space = card.space
    return {
        "name": space.name,
        "version": card.version,
        "tier": space.tier.value,
        "modalities": [modality.value for modality in space.modalities],
        "dimension": space.dimension,
        "dimensions": [*space.dimensions, space.dimension],
        "calibrated": card.calibrated,
        "fingerprint": space.fingerprint,
        "licence": card.licence,
        "num_bytes": card.num_bytes,
        "folder": str(card.folder),
        "description": card.description,
    }
