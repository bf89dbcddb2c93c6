"""The spaces this installation knows, and where their files are: its own, and checkpoints in folders."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import final

from commonspace.core.errors import MissingExtra, ModelError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.embedder import Embedder
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.families import contradictions, read_checkpoint
from commonspace.encode.hub.licences import licence_in
from commonspace.encode.hub.loading import loaded
from commonspace.encode.hub.places import checkpoint_folder, known_places
from commonspace.encode.hub.running import Running
from commonspace.encode.manifest import Manifest
from commonspace.encode.nano.space import build_tower, preparations
from commonspace.encode.prepare import Preparer
from commonspace.encode.runtime import Precision
from commonspace.encode.tower import Tower
from commonspace.ingest.decode import Plan

__all__ = [
    "SpaceCard",
    "Unusable",
    "available",
    "card_of",
    "checkpoints",
    "folder_of",
    "load",
    "load_running",
    "loaded_tower",
]

PACKAGE = Path(__file__).parent.parent
FOLDERS = (PACKAGE / "_models", PACKAGE.parent.parent / "models")
"""Where spaces live: inside an installed wheel, or beside ``src`` in a checkout."""

OWN_SIGNS = ("manifest.json", "space.json", "remote.json")
"""Files that a space of this house's own making has."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceCard:
    """What ``commonspace models`` tells of a space; ``leaves_to`` as in ``Checkpoint``."""

    space: Space
    version: str
    licence: str
    description: str
    folder: Path
    num_bytes: int
    calibrated: bool = False
    family: str = "commonspace"
    source: str = "embedded"
    leaves_to: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A checkpoint that is here and cannot be used, and why."""

    name: str
    folder: Path
    cause: str


def available(own: Path | None = None) -> list[SpaceCard]:
    """Every space whose files are here, by name; those in the folder ``own`` come first and win."""
    found: dict[str, SpaceCard] = {}
    for folder in ((own,) if own else ()) + FOLDERS:
        for sign in sorted(path for name in OWN_SIGNS for path in folder.glob(f"*/{name}")):
            found.setdefault(sign.parent.name, card_of(sign.parent))
    return [found[name] for name in sorted(found)]


def checkpoints(own: Path | None = None) -> tuple[list[SpaceCard], list[Unusable]]:
    """Every checkpoint that was pulled or is in the hub's cache, and those that cannot be used; by name.

    Their weights are not read, so that the cards' fingerprints are empty.
    """
    cards, unusable = [], []
    for place in known_places(own):
        try:
            read = read_checkpoint(place.folder, hashed=False)
        except (MissingExtra, ModelError) as error:
            unusable.append(Unusable(name=place.name, folder=place.folder, cause=error.cause))
        else:
            cards.append(replace(_read_card(read), space=replace(read.space, name=place.name), source=place.source))
    return cards, unusable


def folder_of(name: str, own: Path | None = None) -> Path:
    """The folder of a space by name (looked for in ``own`` first), or a folder given as a path.

    A checkpoint's name (``openai/clip-vit-base-patch32``) is looked for among those pulled, then in the hub's cache.

    Raises:
        ModelError: no such space.
    """
    folders = ((own,) if own else ()) + FOLDERS
    for folder in (*(folder / name for folder in folders), Path(name)):
        if any((folder / sign).is_file() for sign in OWN_SIGNS):
            return folder
    found = checkpoint_folder(name, own)
    if found is not None:
        return found
    known = ", ".join(card.space.name for card in available(own)) or "none"
    raise ModelError(
        f"There is no space '{name}'; this installation knows {known}.",
        fix="Name one of these or a model's folder, or fetch a checkpoint first: `commonspace models pull NAME`.",
    )


def card_of(folder: Path) -> SpaceCard:
    """What is known of the space in a folder, no network loaded.

    Raises:
        ModelError: the folder holds no readable space.
    """
    if (folder / "manifest.json").is_file():
        return _card(Manifest.read(folder))
    return _read_card(read_checkpoint(folder))


def load(
    folder: Path,
    plan: Plan,
    *,
    precision: Precision | None = None,
    threads: int | None = None,
    cache: Path | None = None,
    remote: bool = False,
) -> Embedder:
    """Load the space in a folder; each tower's files are checked and compiled when it is first needed.

    Args:
        folder: of the space.
        plan: how media are decoded.
        precision: arithmetic; what the space, or the export that was made of it, recommends when None.
        threads: processor threads; all that this process may use when None.
        cache: where exports are kept; those of this space are used from there.
        remote: whether what is embedded may leave this machine; a provider's model is refused without.

    Raises:
        ModelError: the folder holds no readable space.
    """
    return load_running(folder, plan, Running(precision=precision, threads=threads, cache=cache, remote=remote))


def load_running(folder: Path, plan: Plan, running: Running) -> Embedder:
    """As ``load``, with all that can be said of how the networks run.

    Raises:
        ModelError: the folder holds no readable space.
    """
    if (folder / "manifest.json").is_file():
        manifest = Manifest.read(folder)
        preparer = Preparer(space=manifest.space, plan=plan, preparations=preparations(manifest))
        build = partial(build_tower, manifest, precision=running.precision, threads=running.threads)
        return Embedder(preparer, build, folder=folder)
    checkpoint = read_checkpoint(folder)
    plan = checkpoint.demands.applied(plan)
    preparer = Preparer(
        space=checkpoint.space, plan=plan, preparations=checkpoint.preparations, asking=checkpoint.asking
    )
    return Embedder(preparer, partial(loaded_tower, checkpoint, running=running), folder=folder)


def loaded_tower(checkpoint: Checkpoint, modality: Modality, *, running: Running) -> Tower:
    """One modality's network of a checkpoint.

    Raises:
        ModelError: the files do not make the network that they say.
        MissingExtra: the library that runs it is not installed.
    """
    with contradictions(checkpoint.folder):
        return loaded(checkpoint, modality, running)


def _read_card(checkpoint: Checkpoint) -> SpaceCard:
    licence = checkpoint.licence if checkpoint.licence != "unknown" else licence_in(checkpoint.folder)
    return SpaceCard(
        space=checkpoint.space,
        version=checkpoint.version,
        licence=licence,
        description=checkpoint.description,
        folder=checkpoint.folder,
        num_bytes=_size(checkpoint.folder),
        family=checkpoint.family,
        source="folder",
        leaves_to=checkpoint.leaves_to,
    )


def _card(manifest: Manifest) -> SpaceCard:
    return SpaceCard(
        space=manifest.space,
        version=manifest.version,
        licence=manifest.licence,
        description=manifest.description,
        folder=manifest.folder,
        num_bytes=sum(_size(folder) for folder in manifest.folders),
        calibrated=bool(manifest.calibration),
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
