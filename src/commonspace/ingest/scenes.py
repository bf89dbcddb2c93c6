"""Which frames of a video stand for it: one where the picture changes, at most one in so many seconds."""

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.item import Pixels

__all__ = ["TINY_SIDE", "Scene", "SceneSampler"]

TINY_SIDE: Final = 32
SLACK_SECONDS: Final = 0.001
CHANGE: Final = 10.0
"""Mean grey-level difference (of 255) from the last kept frame at which a frame counts as new."""

Tiny = NDArray[np.uint8]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """One kept frame and the stretch of time that it stands for."""

    pixels: Pixels
    start_seconds: float
    end_seconds: float


@final
class SceneSampler:
    """Offered frames in time order, keeps those that differ from the last one kept."""

    def __init__(self, *, least_seconds: float, most_frames: int) -> None:
        self._least_seconds = least_seconds
        self._most_frames = most_frames
        self._times: list[float] = []
        self._frames: list[Pixels] = []
        self._last: NDArray[np.int16] | None = None

    @property
    def full(self) -> bool:
        """Whether no further frame will be kept."""
        return len(self._frames) >= self._most_frames

    def due(self, seconds: float) -> bool:
        """Whether a frame at this time may be kept at all."""
        return not self.full and (not self._times or seconds - self._times[-1] >= self._least_seconds - SLACK_SECONDS)

    def changed(self, tiny: Tiny) -> bool:
        """Whether this small grey picture differs enough from the last kept one."""
        return self._last is None or float(np.abs(tiny.astype(np.int16) - self._last).mean()) >= CHANGE

    def keep(self, seconds: float, tiny: Tiny, pixels: Pixels) -> None:
        """Keep a frame that was due and changed."""
        self._times.append(seconds)
        self._frames.append(pixels)
        self._last = tiny.astype(np.int16)

    def scenes(self, end_seconds: float) -> tuple[Scene, ...]:
        """The kept frames; each stands for the time until the next, the last until the end."""
        starts = [0.0, *self._times[1:]]
        ends = [*starts[1:], max(end_seconds, starts[-1])] if self._frames else []
        return tuple(
            Scene(pixels=pixels, start_seconds=round(start, 3), end_seconds=round(end, 3))
            for pixels, start, end in zip(self._frames, starts, ends, strict=False)
        )
