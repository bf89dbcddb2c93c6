"""Makes the folder of a space that is made of several: members enclosed or named, then its description."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from commonspace.core.errors import UsageError
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors
from commonspace.encode.several.description import NAME, SHIFTS, Description, Kind, Member, write_description

__all__ = ["Ingredient", "bundle_space", "make_space", "require_free", "write_shifts"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """A space to make another of. With ``enclose`` its files go along (hard links where the disk allows)."""

    space: Space
    folder: Path
    licence: str = "unknown"
    enclose: bool = True
    weight: float = 1.0


def make_space(
    out: Path,
    ingredients: Sequence[Ingredient],
    describe: Callable[[tuple[Member, ...]], Description],
    *,
    fill: Callable[[Path], None] | None = None,
) -> Path:
    """Write the folder whole or not at all; ``fill`` puts maps, shifts, card and records into it.

    Raises:
        UsageError: the folder exists and is not empty, or a name cannot be one.
    """
    require_free(out)
    draft = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        members = tuple(_enclosed(draft, place, each) for place, each in enumerate(ingredients))
        if fill is not None:
            fill(draft)
        described = describe(members)
        if not NAME.fullmatch(described.name):
            raise UsageError(f"'{described.name}' cannot name a space.", fix="Use letters, digits, '.', '_' and '-'.")
        write_description(draft, described)
        if out.is_dir():
            out.rmdir()
        draft.replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return out


def bundle_space(out: Path, ingredients: Sequence[Ingredient], *, name: str, licence: str, card: str) -> Path:
    """Write a bundle: the members side by side in one vector, weighted as the ingredients say.

    Raises:
        UsageError: there are not two to eight members, a weight is not above zero, or the folder is in use.
    """
    if not 2 <= len(ingredients) <= 8 or any(not 0 < each.weight < 1e6 for each in ingredients):
        weights = ", ".join(f"{each.space.name} {each.weight:g}" for each in ingredients)
        raise UsageError(f"These do not make a bundle: {weights}.", fix="Give two to eight spaces, weights above zero.")
    about = f"Side by side, compared each with its own: {', '.join(each.space.name for each in ingredients)}."

    def describe(members: tuple[Member, ...]) -> Description:
        return Description(name=name, kind=Kind.BUNDLE, members=members, licence=licence, description=about)

    return make_space(out, ingredients, describe, fill=lambda draft: _write(draft / "card.md", card))


def require_free(out: Path) -> None:
    """Check that a folder may be made here, before there is work to lose.

    Raises:
        UsageError: it exists and is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already.", fix="Name a new folder, or remove it first.")


def write_shifts(folder: Path, shifts: Mapping[str, Vectors]) -> None:
    """The means to be taken off, as one safetensors file; none without shifts."""
    from safetensors.numpy import save_file

    if shifts:
        save_file({name: np.ascontiguousarray(row, dtype=np.float32) for name, row in shifts.items()}, folder / SHIFTS)


def _enclosed(draft: Path, place: int, ingredient: Ingredient) -> Member:
    space = ingredient.space
    member = Member(name=_plain(space.name), fingerprint=space.fingerprint, weight=ingredient.weight)
    if not ingredient.enclose:
        return member
    inside = f"members/{place}-{_plain(space.name).rpartition('/')[2]}"
    target = draft / inside
    for path in sorted(ingredient.folder.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(ingredient.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            _link(path.resolve(), copy)
    return Member(name=member.name, fingerprint=member.fingerprint, folder=inside, weight=member.weight)


def _plain(name: str) -> str:
    """A space's name as one that a description may hold."""
    if NAME.fullmatch(name):
        return name
    return "".join(char if char.isalnum() and char.isascii() else "-" for char in name).strip("-")[:60] or "space"


def _link(source: Path, copy: Path) -> None:
    try:
        os.link(source, copy)
    except OSError:
        shutil.copyfile(source, copy)


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
