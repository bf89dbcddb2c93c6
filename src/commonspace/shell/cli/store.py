"""``commonspace info`` and ``commonspace remove``: what a store holds, and how to make it forget."""

from dataclasses import dataclass, field
from typing import Annotated, final

import typer

from commonspace.core.errors import UsageError
from commonspace.shell.cli.answer import console, print_json
from commonspace.shell.cli.options import AsJson, Overrides, StorePath, settings_for, store_path
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.wiring import Wiring
from commonspace.shell.wording import printable, size

__all__ = ["Describe", "Remove", "answer_describe", "answer_remove"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Say what a store holds: its space, items by modality, segments and size."""

    store: StorePath = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Make a store forget items, named by id, uri, file or folder. The files themselves stay where they are.

    Exits with 1 when a target is not in the store; the others are removed all the same.
    """

    targets: Annotated[list[str], typer.Argument(metavar="TARGETS...", help="Ids, uris, files or folders.")]
    store: StorePath = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_describe(request: Describe, wiring: Wiring) -> ExitCode:
    """Describe a store."""
    settings = settings_for(request.overrides, store=request.store)
    with wiring.open(store_path(settings), settings, create=False) as collection:
        info = collection.info()
    if request.as_json:
        print_json(info.to_dict())
        return ExitCode.FINE
    from rich.table import Table
    from rich.text import Text

    space = info.space
    counts = ", ".join(f"{count} {modality}" for modality, count in info.items.items() if count)
    facts = {
        "store": printable(str(info.path)),
        "space": f"{printable(space.name)} ({space.tier}, {space.dimension} dimensions, {', '.join(space.modalities)})",
        "items": f"{sum(info.items.values())}" + (f": {counts}" if counts else ""),
        "segments": str(info.num_segments),
        "size": size(info.num_bytes),
        "changes": str(info.sequence),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    console().print(table)
    return ExitCode.FINE


def answer_remove(request: Remove, wiring: Wiring) -> ExitCode:
    """Remove target by target, so that each can be answered for."""
    settings = settings_for(request.overrides, store=request.store)
    with wiring.open(store_path(settings), settings, create=False) as collection:
        removed = {target: collection.remove([target]) for target in request.targets}
    missing = [target for target, count in removed.items() if not count]
    total = sum(removed.values())
    if request.as_json and not missing:
        print_json({"removed": total, "targets": removed})
    elif not request.as_json:
        console().print(f"Removed {total} {'item' if total == 1 else 'items'}.", markup=False)
    if missing:
        raise UsageError(
            f"The store holds nothing called {', '.join(missing)} ({total} other items were removed).",
            fix="`commonspace search ... --json` shows ids and uris.",
        )
    return ExitCode.FINE
