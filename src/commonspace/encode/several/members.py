"""Finds and reads the spaces that a space is made of: in its folder, beside it, or installed."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.encode.hub.checkpoint import Checkpoint, Demands
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.running import Running
from commonspace.encode.manifest import Manifest
from commonspace.encode.nano.space import build_tower, preparations
from commonspace.encode.several.description import DESCRIPTION, Member
from commonspace.encode.tower import Tower
from commonspace.ingest.plan import Plan

__all__ = ["member_folder", "read_space"]


def read_space(path: Path, otherwise: Callable[[Path], Checkpoint]) -> Checkpoint:
    """The space in a folder, of the embedded kind (``manifest.json``) or, ``otherwise``, a checkpoint.

    Raises:
        ModelError: the folder holds no readable space.
    """
    if not (path / "manifest.json").is_file():
        return otherwise(path)
    manifest = Manifest.read(path)
    return Checkpoint(
        folder=path,
        family="commonspace",
        space=manifest.space,
        preparations=preparations(manifest),
        tower=partial(_tower, manifest),
        demands=Demands(image_side=Plan().image_side),
        version=manifest.version,
        licence=manifest.licence,
        description=manifest.description,
    )


def member_folder(home: CheckpointFolder, member: Member, find: Callable[[str, Path], Path]) -> Path:
    """Where a member lies. One that is named, not enclosed, must not be made of several itself.

    ``find`` looks a name up, first among the spaces in a folder.

    Raises:
        ModelError: it is not there, or a link leads out of the space's folder.
    """
    if member.folder is None:
        found = find(member.name, home.path.parent)
        if (found / DESCRIPTION).is_file():
            raise ModelError(
                f"The member '{member.name}' is made of several itself.", fix="Enclose it when making the space."
            )
        return found
    place = home.path / member.folder
    inside = Path(os.path.realpath(home.path)) / "members"
    real = Path(os.path.realpath(place))
    if not real.is_dir() or inside not in real.parents:
        raise ModelError(
            f"The member '{member.name}' is not in {place}.", fix="Restore the folder, or make the space again."
        )
    return place


def _tower(manifest: Manifest, modality: Modality, running: Running) -> Tower:
    return build_tower(manifest, modality, precision=running.precision, threads=running.threads)
