"""What every family of checkpoints gives: a space, what content goes through first, and a network for each modality."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol, final

from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.running import Running
from commonspace.encode.tower import Preparation, Tower
from commonspace.ingest.plan import Plan

__all__ = ["WHOLE_SIDE", "Checkpoint", "Demands", "Family"]

WHOLE_SIDE: Final = 4_096
"""Pictures come to a checkpoint's own scaling as they are, up to this shorter side: scaling twice moves vectors."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What a checkpoint wants from decoding: hertz and seconds of a window of sound, frames of a clip of a video."""

    audio_rate: int = 16_000
    audio_window_seconds: float = 10.0
    passage_chars: int | None = None
    image_side: int = WHOLE_SIDE
    clip_frames: int = 0

    def applied(self, plan: Plan) -> Plan:
        """The plan with these wishes in it."""
        return replace(
            plan,
            image_side=self.image_side,
            audio_rate=self.audio_rate,
            audio_window_seconds=self.audio_window_seconds,
            passage_chars=self.passage_chars or plan.passage_chars,
            clip_frames=self.clip_frames,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model read but not loaded. ``tower`` loads one modality's network, with the arithmetic asked for.

    ``asking`` is what queries go through where that differs from what is stored.

    ``leaves_to`` is the host that what is embedded is sent to; None where everything stays on this machine.

    ``notes`` say what was done to the model's own contract, if anything (a prompt added, a limit lowered).

    ``members`` are the spaces that it is made of, where it is made of several.
    """

    folder: Path
    family: str
    space: Space
    preparations: Mapping[Modality, Preparation]
    tower: Callable[[Modality, Running], Tower]
    asking: Mapping[Modality, Preparation] = field(default_factory=dict)
    demands: Demands = field(default_factory=Demands)
    version: str = "1"
    licence: str = "unknown"
    description: str = ""
    notes: tuple[str, ...] = ()
    leaves_to: str | None = None
    members: tuple["Checkpoint", ...] = ()


class Family(Protocol):
    """One adapter: knows its models by their folder, and reads them."""

    @property
    def name(self) -> str:
        """What the family is called in lists."""
        ...

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the folder holds a model of this family, told from its JSON files alone."""
        ...

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the model's configuration and hash its files; no network is loaded.

        Raises:
            ModelError: files are missing or damaged, or the model is not one that this adapter can run.
        """
        ...
