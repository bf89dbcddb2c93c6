"""Spaces made of several, read from a folder with ``space.json``: every member checked, none loaded before its turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors
from commonspace.encode.hub.checkpoint import Checkpoint, Demands
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.loading import loaded
from commonspace.encode.hub.running import Running
from commonspace.encode.projection import load_projection
from commonspace.encode.several.description import (
    DESCRIPTION,
    SHIFTS,
    Description,
    Kind,
    Member,
    Route,
    read_description,
)
from commonspace.encode.several.features import JointPreparation
from commonspace.encode.several.tower import JointTower, Share
from commonspace.encode.tower import Preparation, Tower

__all__ = ["SeveralFamily"]

VERSION: Final = 1
"""Raised when the same members and maps make other vectors: part of the fingerprint."""

ReadMember = Callable[[CheckpointFolder, Member], Checkpoint]


@final
@dataclass(frozen=True, slots=True)
class SeveralFamily:
    """Bridges and bundles. ``read_member`` finds and reads a space that one is made of."""

    read_member: ReadMember

    @property
    def name(self) -> str:
        """What the family is called."""
        return "made of several"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether there is a ``space.json``."""
        return folder.has(DESCRIPTION)

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the description and every member; the space is called what its description says.

        Raises:
            ModelError: a file is damaged, or a member is missing or not the one that the space was made of.
        """
        del name
        told = read_description(folder)
        members = [self._member(folder, each) for each in told.members]
        made = _Made(folder=folder, told=told, members=tuple(members), routes=_routes(told, members))
        towers = tuple(modality for modality in Modality if modality in made.routes)
        space = Space(
            name=told.name,
            dimension=made.dimension,
            towers=towers,
            composed=(Modality.VIDEO,) if Modality.IMAGE in towers else (),
            fingerprint=folder.fingerprint([], {"family": self.name, "version": VERSION, **told.recipe}),
        )
        asking = {each: made.preparation(each, asked=True) for each in towers if made.asks(each)}
        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations={each: made.preparation(each) for each in towers},
            asking=asking,
            tower=made.tower,
            demands=made.demands(),
            version=told.version,
            licence=told.licence,
            description=told.description,
            notes=tuple(f"{member.space.name}: {note}" for member in members for note in member.notes),
            members=tuple(members),
        )

    def _member(self, folder: CheckpointFolder, member: Member) -> Checkpoint:
        found = self.read_member(folder, member)
        if found.space.fingerprint != member.fingerprint:
            raise ModelError(
                f"The member '{member.name}' of {folder.path} has the fingerprint {found.space.fingerprint[:12]}; the "
                f"space was made of {member.fingerprint[:12]}.",
                fix="Restore the member as it was, or make the space again of what is there now.",
            )
        return found


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A description with its members read, and by which routes each modality goes."""

    folder: CheckpointFolder
    told: Description
    members: tuple[Checkpoint, ...]
    routes: Mapping[Modality, tuple[Route, ...]]

    @property
    def dimension(self) -> int:
        """A bundle's is the sum of its members'; a bridge's is what its maps give."""
        if self.told.kind is Kind.BUNDLE:
            return sum(member.space.dimension for member in self.members)
        sizes = {self._width(route) for route in self.told.routes}
        if len(sizes) != 1:
            raise ModelError(f"The maps of {self.folder.path} give {sorted(sizes)} numbers.", fix="Make it again.")
        return sizes.pop()

    def asks(self, modality: Modality) -> bool:
        """Whether a member prepares queries of this modality in another way than what is stored."""
        return any(modality in self.members[route.member].asking for route in self.routes[modality])

    def preparation(self, modality: Modality, *, asked: bool = False) -> Preparation:
        """One preparation for all members that take the modality; the member's own where there is one."""
        parts = []
        for route in self.routes[modality]:
            member = self.members[route.member]
            of_query = member.asking.get(modality) if asked else None
            parts.append(of_query or member.preparations[modality])
        return parts[0] if len(parts) == 1 else JointPreparation(tuple(parts))

    def tower(self, modality: Modality, running: Running) -> Tower:
        """Load the members' towers of one modality; exports of networks are the members' own affair."""
        starts = np.cumsum([0, *(member.space.dimension for member in self.members)])
        total = sum(each.weight for each in self.told.members)
        shares = []
        for route in self.routes[modality]:
            start = int(starts[route.member]) if self.told.kind is Kind.BUNDLE else 0
            share = Share(
                tower=loaded(self.members[route.member], modality, replace(running, optimised=None)),
                start=start,
                weight=self.told.members[route.member].weight / total,
                shift=None if route.shift is None else self._shift(route),
                projection=None if route.map is None else load_projection(self.folder.path / route.map),
            )
            shares.append(share)
        return JointTower(modality, self.preparation(modality), shares, self.dimension)

    def demands(self) -> Demands:
        """What all members together want from decoding.

        Raises:
            ModelError: two members hear, and want sound at different rates or in pieces of different length.
        """
        by = {modality: [self.members[route.member] for route in routes] for modality, routes in self.routes.items()}
        heard = {(each.demands.audio_rate, each.demands.audio_window_seconds) for each in by.get(Modality.AUDIO, [])}
        if len(heard) > 1:
            raise ModelError(
                f"The members of {self.folder.path} want sound as {sorted(heard)} (hertz, seconds).",
                fix="Use members that hear alike, or make a bridge, in which one of them hears.",
            )
        rate, window = heard.pop() if heard else (Demands().audio_rate, Demands().audio_window_seconds)
        sides = [each.demands.image_side for each in by.get(Modality.IMAGE, [])]
        passages = [each.demands.passage_chars for each in by.get(Modality.TEXT, []) if each.demands.passage_chars]
        return Demands(
            audio_rate=rate,
            audio_window_seconds=window,
            passage_chars=min(passages, default=None),
            image_side=max(sides, default=Demands().image_side),
        )

    def _width(self, route: Route) -> int:
        if route.map is None:
            return self.members[route.member].space.dimension
        return load_projection(self.folder.path / route.map).outputs

    def _shift(self, route: Route) -> Vectors:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = self.folder.path / SHIFTS
        try:
            found: Vectors = load_file(path)[str(route.shift)].astype(np.float32)
        except (OSError, KeyError, SafetensorError) as error:
            raise ModelError(f"{path} cannot be read: {error}.", fix="Make the space again.") from error
        if found.shape != (self.members[route.member].space.dimension,):
            raise ModelError(f"'{route.shift}' in {path} is of shape {found.shape}.", fix="Make the space again.")
        return found


def _routes(told: Description, members: list[Checkpoint]) -> dict[Modality, tuple[Route, ...]]:
    """By modality: as told, or in a bundle every member that has it."""
    routes = told.routes or tuple(
        Route(modality=modality, member=place)
        for place, member in enumerate(members)
        for modality in member.space.towers
    )
    for route in routes:
        if route.modality not in members[route.member].space.towers:
            raise ModelError(
                f"The member '{told.members[route.member].name}' has no tower for {route.modality}.",
                fix="Make the space again.",
            )
    found: dict[Modality, tuple[Route, ...]] = {}
    for route in routes:
        found[route.modality] = (*found.get(route.modality, ()), route)
    return found
