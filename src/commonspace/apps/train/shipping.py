"""Where a run's heads go, and the space that they make with the towers that they were trained on."""

import os
import re
import shutil
from pathlib import Path
from typing import Final

from commonspace.align.recipe import Recipe
from commonspace.apps.train.data import Loaded
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.several.description import Description, Kind, Member, Route, write_description

__all__ = ["CANDIDATE", "placed", "write_space"]

PROMOTED, REJECTED, CANDIDATE = "promoted", "rejected", "candidate"
SPACE: Final = "space"


def placed(folder: Path, *, promoted: bool) -> Path:
    """Move the candidate heads to where the verdict sends them; an earlier verdict's heads go, and its space."""
    for name in (PROMOTED, REJECTED, SPACE):
        shutil.rmtree(folder / name, ignore_errors=True)
    place = folder / (PROMOTED if promoted else REJECTED)
    (folder / CANDIDATE).rename(place)
    return place


def write_space(recipe: Recipe, data: Loaded, heads: Path) -> tuple[str, ...]:
    """Write ``space/`` beside promoted heads where ``data.towers`` names towers for them; what a person should know.

    It is a bridge: each modality by the tower that it was trained on, through its head. Towers that were named by their
    folder are put into it (as links to the same bytes where the disk can), others are looked up by their name.
    """
    if not data.towers or data.space is None or heads.name != PROMOTED:
        return ()
    if any(head.kind == "gated" for head in recipe.heads.values()):
        return ("There is no space/ of these heads: a gated head wants its base beside the tower's features.",)
    sources = {modality: (data.space, recipe.data.space) for modality in data.space.towers if _leads(recipe, modality)}
    sources |= {Modality(name): (space, recipe.data.towers[name]) for name, space in data.towers.items()}
    spaces = list(dict.fromkeys(sources.values()))
    if len(spaces) < 2:
        return ("There is no space/ of these heads: all of their towers are of one space.",)
    home = heads.parent / SPACE
    for modality in recipe.heads:
        shutil.copytree(heads / modality, home / "maps" / modality)
    routes = tuple(
        Route(
            modality=modality,
            member=spaces.index(source),
            map=f"maps/{modality}" if _has_head(recipe, modality) else None,
        )
        for modality, source in sources.items()
    )
    members = tuple(_member(home, place, *each) for place, each in enumerate(spaces))
    told = Description(
        name=recipe.name,
        kind=Kind.BRIDGE,
        members=members,
        routes=routes,
        licence=recipe.licence,
        description=recipe.description,
    )
    write_description(home, told)
    return (f"{home} is the space of these heads and their towers: commonspace.load or --model takes it.",)


def _has_head(recipe: Recipe, modality: Modality) -> bool:
    return modality.value in recipe.heads


def _leads(recipe: Recipe, modality: Modality) -> bool:
    """Whether the space's own tower is used: where the recipe names no other."""
    return modality.value not in recipe.data.towers


def _member(home: Path, place: int, space: Space, named: str | None) -> Member:
    """A member by name, or enclosed where it was named by its folder."""
    folder = Path(named).expanduser() if named else None
    if named is None or folder is None or not folder.is_dir():
        return Member(name=named or space.name, fingerprint=space.fingerprint)
    name = re.sub(r"[^A-Za-z0-9._-]", "-", folder.resolve().name).strip("._-")[:80] or "tower"
    within = f"members/{place}-{name}"
    shutil.copytree(folder, home / within, copy_function=_linked)
    return Member(name=name, fingerprint=space.fingerprint, folder=within)


def _linked(source: str, target: str) -> str:
    """The same bytes under another name, or a copy where the disk cannot."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        return shutil.copy2(source, target)
    return target
