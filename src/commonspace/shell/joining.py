"""Spaces by name become a bridge or a bundle in a new folder."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

from commonspace.apps.bridging import BridgePlan, BridgeReport, Listener, bridge, bundle
from commonspace.core.errors import MissingExtra, ModelError, UsageError
from commonspace.core.space import Space
from commonspace.encode import catalog
from commonspace.encode.several.making import Ingredient
from commonspace.ingest.finding import find_sources
from commonspace.ingest.source import Source
from commonspace.serve.settings import Settings
from commonspace.shell import wire

__all__ = ["bridge_spaces", "bundle_spaces", "files_in"]


def bridge_spaces(
    first: str, second: str, out: Path, plan: BridgePlan, *, say: Listener, settings: Settings | None = None
) -> BridgeReport:
    """Join two spaces through texts into a new one.

    Raises:
        ModelError: there is no such space.
        UsageError: they cannot be joined like this, or ``out`` is in use.
        MissingExtra: training needs PyTorch, and it is not installed.
    """
    settings = settings or Settings.load()
    if plan.method == "trained" and find_spec("torch") is None:
        raise MissingExtra(
            "Training a bridge needs torch.", fix="pip install 'commonspace[train]', or use --method ridge."
        )
    sides = [(_ingredient(name, settings), wire.load(name, settings)) for name in (first, second)]
    return bridge(sides[0], sides[1], out, plan, say)


def bundle_spaces(
    weights: Sequence[tuple[str, float]], out: Path, name: str, settings: Settings | None = None
) -> Space:
    """Set spaces side by side in a new one; each with the weight of its cosines.

    Raises:
        ModelError: there is no such space, or they want sound in different ways.
        UsageError: they cannot be bundled like this, or ``out`` is in use.
    """
    settings = settings or Settings.load()
    bundle([_ingredient(each, settings, weight) for each, weight in weights], out, name)
    try:
        return catalog.card_of(out).space
    except ModelError:
        rmtree(out)
        raise


def files_in(folder: Path | None) -> list[Path]:
    """The files in a folder, and in those below it; none without a folder.

    Raises:
        UsageError: there is nothing in it.
    """
    if folder is None:
        return []
    found = [each.origin for each in find_sources([folder]) if isinstance(each, Source)]
    files = [origin for origin in found if isinstance(origin, Path)]
    if not files:
        raise UsageError(f"There is no file in {folder}.", fix="Name a folder of pictures or of sounds.")
    return files


def _ingredient(name: str, settings: Settings, weight: float = 1.0) -> Ingredient:
    """What is known of a space; the embedded one is named, every other goes along."""
    folder = catalog.folder_of(name, settings.models_folder)
    card = catalog.card_of(folder)
    installed = any(folder.parent == home for home in catalog.FOLDERS)
    return Ingredient(space=card.space, folder=folder, licence=card.licence, enclose=not installed, weight=weight)
