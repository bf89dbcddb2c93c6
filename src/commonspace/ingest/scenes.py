"""Which frames of a video stand for it: the clearest of each shot, and of each stretch in which a shot changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.item import Pixels

__all__ = ["Scene", "SceneSampler"]

LOOK_SECONDS: Final = 0.2
"""How often a video that is decoded frame by frame is looked at."""
SLACK_SECONDS: Final = 0.001
CHANGE: Final = 10.0
"""Mean grey-level difference (of 255) from a scene's first frame at which its picture counts as another, seen coarsely:
a slow zoom or a shaking hand changes edges, not what is light and what is dark."""
GRADUAL_CHANGE: Final = 16.0
"""The same where no cut was seen and frames are close: what moves is not yet something else."""
COARSE: Final = 8
"""Points on each side of the coarse picture."""
GRADUAL_SECONDS: Final = 2.0
"""A shot that changes without a cut (a pan, a dissolve) is divided at most this often."""
SPARSE_SECONDS: Final = 0.5
"""Frames further apart than this (key frames, slide shows) show no movement: any change is a cut."""
CLEARER: Final = 1.15
"""How many times more detail a frame must show to stand for its scene instead of an earlier one."""

Tiny = NDArray[np.uint8]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """One kept frame and the stretch of time that it stands for."""

    pixels: Pixels
    start_seconds: float
    end_seconds: float


@dataclass(slots=True)
class _Open:
    """The scene that is running: how it began, and its clearest frame so far. ``gradual``: without a cut."""

    start_seconds: float
    first: NDArray[np.float64]
    detail: float
    pixels: Pixels
    gradual: bool


@final
class SceneSampler:
    """Shown frames in time order, keeps one a scene; scenes begin at cuts and where the picture has become another.

    No two scenes begin within ``least_seconds``: a cut takes the place of a gradual change that came just before it,
    and one that follows another cut too soon counts when that time is over, if the picture is still another. There are
    at most ``most_frames`` scenes; the last then lasts until the end.
    """

    def __init__(self, *, least_seconds: float, most_frames: int) -> None:
        self._least_seconds = least_seconds
        self._most_frames = most_frames
        self._scenes: list[_Open] = []
        self._cut_waits = False
        self._last_seconds = 0.0

    @property
    def look_seconds(self) -> float:
        """How often it wants to see a frame."""
        return LOOK_SECONDS

    @property
    def full(self) -> bool:
        """Whether no further frame will be kept."""
        return len(self._scenes) >= self._most_frames

    def show(self, seconds: float, tiny: Tiny, pixels: Callable[[], Pixels], *, cut: bool) -> None:
        """Look at a frame: its small grey picture, the frame itself if it is wanted, and whether a shot begins."""
        sparse = seconds - self._last_seconds > SPARSE_SECONDS
        self._last_seconds = seconds
        self._cut_waits = self._cut_waits or cut
        if cut and len(self._scenes) > 1 and self._scenes[-1].gradual and self._age(seconds) < self._least_seconds:
            self._scenes.pop()
        if not self._scenes or (not self.full and self._begins(seconds, tiny, cut=cut, sparse=sparse)):
            gradual = not (cut or self._cut_waits)
            self._scenes.append(_Open(seconds, _coarse(tiny), _detail(tiny), pixels(), gradual))
            self._cut_waits = False
            return
        scene, detail = self._scenes[-1], _detail(tiny)
        if detail > CLEARER * scene.detail and not self._cut_waits:
            scene.detail, scene.pixels = detail, pixels()

    def scenes(self, end_seconds: float) -> tuple[Scene, ...]:
        """The kept frames; each stands for the time until the next, the last until the end."""
        starts = [0.0, *(scene.start_seconds for scene in self._scenes[1:])]
        ends = [*starts[1:], max(end_seconds, starts[-1])] if self._scenes else []
        return tuple(
            Scene(pixels=scene.pixels, start_seconds=round(start, 3), end_seconds=round(end, 3))
            for scene, start, end in zip(self._scenes, starts, ends, strict=False)
        )

    def _age(self, seconds: float) -> float:
        """How long the running scene has lasted, generous by a rounding."""
        return seconds - self._scenes[-1].start_seconds + SLACK_SECONDS

    def _begins(self, seconds: float, tiny: Tiny, *, cut: bool, sparse: bool) -> bool:
        age = self._age(seconds)
        if age < self._least_seconds:
            return False
        change = float(np.abs(_coarse(tiny) - self._scenes[-1].first).mean())
        if sparse or self._cut_waits:
            return cut or change >= CHANGE
        return cut or (change >= GRADUAL_CHANGE and age >= GRADUAL_SECONDS)


def _coarse(tiny: Tiny) -> NDArray[np.float64]:
    """The means of ``COARSE`` x ``COARSE`` equal parts."""
    side = len(tiny) // COARSE
    parts: NDArray[np.float64] = tiny.reshape(COARSE, side, COARSE, side).mean(axis=(1, 3))
    return parts


def _detail(tiny: Tiny) -> float:
    """How much there is to see: the mean step between neighbouring points, in grey levels."""
    grey = tiny.astype(np.int16)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()) + 0.1
