"""``space.json``: which spaces a space is made of, and how their vectors are put together; plain values, checked."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, final

import orjson

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.encode.hub.folder import CheckpointFolder

__all__ = [
    "DESCRIPTION",
    "NAME",
    "SHIFTS",
    "Description",
    "Kind",
    "Member",
    "Route",
    "read_description",
    "write_description",
]

DESCRIPTION: Final = "space.json"
SHIFTS: Final = "shifts.safetensors"
FORMAT: Final = 1
MAX_MEMBERS: Final = 8
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?")
INSIDE: Final = re.compile(r"(members|maps)/[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Kind(StrEnum):
    """A bridge makes its members' vectors comparable; a bundle keeps them apart in one vector."""

    BRIDGE = "bridge"
    BUNDLE = "bundle"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of the spaces: ``folder`` lies within the composite's; without one the space is looked up by its name."""

    name: str
    fingerprint: str
    folder: str | None = None
    weight: float = 1.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a bridge takes a modality: by which member, less which shift (a tensor), through which map (a folder)."""

    modality: Modality
    member: int
    map: str | None = None
    shift: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What ``space.json`` holds. ``files`` are the SHA-256 of maps and shifts, by path within the folder."""

    name: str
    kind: Kind
    members: tuple[Member, ...]
    routes: tuple[Route, ...] = ()
    version: str = "1"
    licence: str = "unknown"
    description: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def recipe(self) -> dict[str, Any]:
        """What decides the vectors beside the files: for the fingerprint."""
        return {
            "format": FORMAT,
            "kind": self.kind.value,
            "members": [[each.fingerprint, each.weight] for each in self.members],
            "routes": [asdict(each) for each in self.routes],
            "files": dict(self.files),
        }


def read_description(folder: CheckpointFolder) -> Description:
    """Read and check ``space.json``, and the hashes of the files that it names.

    Raises:
        ModelError: a field is missing or mistyped, a name leads elsewhere, or a file has changed.
    """
    told = folder.json(DESCRIPTION)
    try:
        found = _description(told)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{folder.path / DESCRIPTION} lacks or mistypes a field: {error}.", fix="Make the space again."
        ) from error
    for name, digest in found.files.items():
        if sha256(folder.file(name).read_bytes()).hexdigest() != digest:
            raise ModelError(f"{folder.path / name} was changed or is damaged.", fix="Make the space again.")
    return found


def write_description(folder: Path, description: Description) -> None:
    """Write ``space.json`` with the hashes of the maps and shifts that lie in the folder already."""
    files = [*sorted(folder.glob("maps/*/head.*")), *folder.glob(SHIFTS)]
    hashes = {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}
    document = {"format": FORMAT, **asdict(description), "files": hashes}
    draft = folder / f"{DESCRIPTION}.part"
    draft.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    draft.replace(folder / DESCRIPTION)


def _description(told: Mapping[str, Any]) -> Description:
    _require(told["format"] == FORMAT, f"it is of format {told['format']}, and this version reads {FORMAT}")
    members = tuple(_member(each) for each in told["members"])
    _require(2 <= len(members) <= MAX_MEMBERS, f"it has {len(members)} members")
    routes = tuple(_route(each, len(members)) for each in told.get("routes", []))
    kind = Kind(told["kind"])
    _require(bool(routes) == (kind is Kind.BRIDGE), "a bridge has routes and a bundle has none")
    files = {str(name): str(digest) for name, digest in dict(told.get("files", {})).items()}
    wanted = {f"{each.map}/head.{ending}" for each in routes if each.map for ending in ("json", "safetensors")}
    wanted |= {SHIFTS for each in routes if each.shift}
    _require(wanted == set(files), f"it names the files {sorted(files)}, not {sorted(wanted)}")
    return Description(
        name=_matching(NAME, told["name"]),
        kind=kind,
        members=members,
        routes=routes,
        version=str(told.get("version", "1")),
        licence=str(told.get("licence", "unknown")),
        description=str(told.get("description", "")),
        files=files,
    )


def _member(told: Mapping[str, Any]) -> Member:
    weight = float(told.get("weight", 1.0))
    _require(0 < weight < 1e6, f"the weight {weight} is not above zero")
    folder = told.get("folder")
    return Member(
        name=_matching(NAME, told["name"]),
        fingerprint=str(told["fingerprint"]),
        folder=None if folder is None else _matching(INSIDE, folder),
        weight=weight,
    )


def _route(told: Mapping[str, Any], num_members: int) -> Route:
    member, found, shift = int(told["member"]), told.get("map"), told.get("shift")
    _require(0 <= member < num_members, f"there is no member {member}")
    return Route(
        modality=Modality(told["modality"]),
        member=member,
        map=None if found is None else _matching(INSIDE, found),
        shift=None if shift is None else str(shift),
    )


def _matching(pattern: re.Pattern[str], name: object) -> str:
    _require(isinstance(name, str) and bool(pattern.fullmatch(name)) and ".." not in name, f"{name!r} is no such name")
    return str(name)


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition reads best in place
    if not holds:
        raise ValueError(otherwise)
