"""Clips of a video for networks that see several frames at once: as many from each stretch, evenly spaced."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.item import Clip, Pixels

__all__ = ["ClipPlan", "ClipSampler", "TimedClip", "evenly"]

LOOK_SECONDS: Final = 0.2
LOOKS_A_PART: Final = 4
"""Frames are looked at so often in the time that one of them stands for, or more often."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimedClip:
    """A clip, and where it lies in its video."""

    clip: Clip
    start_seconds: float
    end_seconds: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlan:
    """How a video is divided: clips of ``num_frames``, each frame for ``part_seconds``; ``most_frames`` in all."""

    num_frames: int
    part_seconds: float
    most_frames: int

    @classmethod
    def of(cls, seconds: float, *, num_frames: int, clip_seconds: float, most_frames: int) -> "ClipPlan":
        """For a video of about so many seconds (zero: not known); longer clips where there would be too many frames."""
        known, most_clips = seconds or clip_seconds, max(1, most_frames // num_frames)
        num_clips = min(math.ceil(known / clip_seconds), most_clips)
        return cls(
            num_frames=num_frames, part_seconds=known / num_clips / num_frames, most_frames=most_clips * num_frames
        )

    @property
    def clip_seconds(self) -> float:
        """How long a clip lasts."""
        return self.num_frames * self.part_seconds


def evenly(num_given: int, num_wanted: int) -> list[int]:
    """Places of as many things as wanted among those given: the middle of equal parts, some twice if there are few."""
    return [int((at + 0.5) * num_given / num_wanted) for at in range(num_wanted)]


@final
class ClipSampler:
    """Shown frames in time order, keeps what is on screen in the middle of each part; a longer video has more parts."""

    def __init__(self, plan: ClipPlan) -> None:
        self._plan = plan
        self._kept: list[Pixels] = []
        self._last: _Seen | None = None

    @property
    def look_seconds(self) -> float:
        """How often it wants to see a frame."""
        return min(LOOK_SECONDS, self._plan.part_seconds / LOOKS_A_PART)

    @property
    def full(self) -> bool:
        """Whether no further frame will be kept."""
        return len(self._kept) >= self._plan.most_frames

    def show(self, seconds: float, tiny: NDArray[np.uint8], pixels: Callable[[], Pixels], *, cut: bool) -> None:  # noqa: ARG002
        """Look at a frame, which is made only if it is kept; its small picture and cuts do not matter here."""
        seen = _Seen(seconds, pixels)
        before = self._last or seen
        while not self.full and self._wanted() <= seconds:
            self._kept.append((before if self._wanted() < seconds else seen).pixels())
        self._last = seen

    def clips(self, end_seconds: float) -> tuple[TimedClip, ...]:
        """The clips up to the end; none where no frame was shown. The last may have frames twice."""
        while self._last is not None and not self.full and (not self._kept or self._wanted() <= end_seconds):
            self._kept.append(self._last.pixels())
        size, part = self._plan.num_frames, self._plan.part_seconds
        starts = range(0, len(self._kept), size)
        times = [*(start * part for start in starts), max(end_seconds, starts[-1] * part if starts else 0.0)]
        return tuple(
            TimedClip(
                clip=_clip(self._kept[start : start + size], size),
                start_seconds=round(times[at], 3),
                end_seconds=round(times[at + 1], 3),
            )
            for at, start in enumerate(starts)
        )

    def _wanted(self) -> float:
        """The time of the next frame to keep."""
        return (len(self._kept) + 0.5) * self._plan.part_seconds


@dataclass(slots=True)
class _Seen:
    """A frame, made into pixels once."""

    seconds: float
    make: Callable[[], Pixels]
    made: Pixels | None = None

    def pixels(self) -> Pixels:
        if self.made is None:
            self.made = self.make()
        return self.made


def _clip(frames: list[Pixels], size: int) -> Clip:
    """Frames of one size: where a video changes it midway, that of the first counts."""
    chosen = [frames[at] for at in evenly(len(frames), size)]
    height, width = chosen[0].shape[:2]
    return Clip(frames=np.stack([_shaped(frame, height, width) for frame in chosen]))


def _shaped(frame: Pixels, height: int, width: int) -> Pixels:
    if frame.shape[:2] == (height, width):
        return frame
    from PIL import Image

    return np.asarray(Image.fromarray(frame).resize((width, height)), dtype=np.uint8)
