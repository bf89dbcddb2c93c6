"""The options that several commands share, each written once."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commonspace.core.errors import UsageError

if TYPE_CHECKING:
    from commonspace.serve.settings import Settings

__all__ = ["AsJson", "ModelName", "Overrides", "StorePath", "flags", "settings_for", "store_path", "weight_flags"]

StorePath = Annotated[
    Path | None,
    typer.Option(
        "--store", "-s", metavar="FOLDER", help="The store. Default: COMMONSPACE_STORE, else the one *.cs folder here."
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option("--model", "--space", "-m", metavar="NAME", help="The space; `commonspace models` lists them."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Overrides = Annotated[
    list[str],
    typer.Option("--set", metavar="NAME=VALUE", help="Override a setting, such as limits.item_seconds=20. Repeatable."),
]


def flags(overrides: Sequence[str], **given: Any) -> dict[str, Any]:
    """What the command line sets: ``--set`` pairs, then the options with a name of their own.

    Raises:
        UsageError: a ``--set`` is not NAME=VALUE.
    """
    pairs: dict[str, Any] = {}
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {override} is not NAME=VALUE.", fix="Write it as --set limits.item_seconds=20")
        pairs[name.strip()] = value.strip()
    pairs.update({name: value for name, value in given.items() if value is not None})
    return pairs


def weight_flags(weights: Sequence[str]) -> list[str]:
    """``audio=0.5`` as the setting that it stands for."""
    return [f"weights.{weight.strip()}" for weight in weights]


def settings_for(overrides: Sequence[str] = (), **given: Any) -> "Settings":
    """The settings in force for one command.

    Raises:
        UsageError: a setting is unknown or out of range.
    """
    from commonspace.serve.settings import Settings

    return Settings.load(flags(overrides, **given))


def store_path(settings: "Settings") -> Path:
    """The store that was named, else the only ``*.cs`` folder in the current one.

    Raises:
        UsageError: none was named and there is none, or more than one.
    """
    if settings.store is not None:
        return settings.store.expanduser()
    found = sorted(path for path in Path().glob("*.cs") if path.is_dir())
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found)
    cause = f"Several stores are here: {names}." if found else "No store was named, and no *.cs folder is here."
    raise UsageError(cause, fix="Name one: --store media.cs (or set COMMONSPACE_STORE).")
