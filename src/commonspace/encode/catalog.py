"""The spaces this installation knows, and where their files are."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

from commonspace.core.errors import ModelError
from commonspace.core.space import Space
from commonspace.encode.embedder import Embedder
from commonspace.encode.manifest import Manifest
from commonspace.encode.nano.space import build_tower, preparations
from commonspace.encode.prepare import Preparer
from commonspace.encode.runtime import Precision
from commonspace.ingest.decode import Plan

__all__ = ["SpaceCard", "available", "folder_of", "load"]

PACKAGE = Path(__file__).parent.parent
FOLDERS = (PACKAGE / "_models", PACKAGE.parent.parent / "models")
"""Where spaces live: inside an installed wheel, or beside ``src`` in a checkout."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceCard:
    """What ``commonspace models`` tells of a space."""

    space: Space
    version: str
    licence: str
    description: str
    folder: Path
    num_bytes: int
    calibrated: bool = False


def available(own: Path | None = None) -> list[SpaceCard]:
    """Every space whose files are here, by name; those in the folder ``own`` come first and win."""
    found: dict[str, SpaceCard] = {}
    for folder in ((own,) if own else ()) + FOLDERS:
        for manifest in sorted(folder.glob("*/manifest.json")):
            found.setdefault(manifest.parent.name, _card(Manifest.read(manifest.parent)))
    return [found[name] for name in sorted(found)]


def folder_of(name: str, own: Path | None = None) -> Path:
    """The folder of a space by name (looked for in ``own`` first), or a folder given as a path.

    Raises:
        ModelError: no such space.
    """
    folders = ((own,) if own else ()) + FOLDERS
    for folder in (*(folder / name for folder in folders), Path(name)):
        if (folder / "manifest.json").is_file():
            return folder
    known = ", ".join(card.space.name for card in available(own)) or "none"
    raise ModelError(
        f"There is no space '{name}'; this installation knows {known}.",
        fix="Name one of these, or the folder of a space (with its manifest.json).",
    )


def load(folder: Path, plan: Plan, *, precision: Precision | None = None, threads: int | None = None) -> Embedder:
    """Load the space in a folder; each tower's files are checked and compiled when it is first needed.

    Raises:
        ModelError: the folder holds no readable manifest.
    """
    manifest = Manifest.read(folder)
    preparer = Preparer(space=manifest.space, plan=plan, preparations=preparations(manifest))
    return Embedder(preparer, partial(build_tower, manifest, precision=precision, threads=threads))


def _card(manifest: Manifest) -> SpaceCard:
    files = [path for path in manifest.folder.iterdir() if path.is_file()]
    return SpaceCard(
        space=manifest.space,
        version=manifest.version,
        licence=manifest.licence,
        description=manifest.description,
        folder=manifest.folder,
        num_bytes=sum(path.stat().st_size for path in files),
        calibrated=bool(manifest.calibration),
    )
