"""Packets of one stream in, chosen frames or mono samples out; each track keeps only what it needs."""

from typing import Any, Final, final

import numpy as np

from commonspace.core.item import Pixels
from commonspace.ingest.audio import Mono, check_format
from commonspace.ingest.clips import ClipSampler
from commonspace.ingest.image import check_shape
from commonspace.ingest.plan import Plan
from commonspace.ingest.scenes import SceneSampler
from commonspace.ingest.shots import TINY_SIDE, CutDetector

__all__ = ["PictureTrack", "SoundTrack"]

SPARING_SECONDS: Final = 0.2
"""From so much time between two looks, frames may be skipped that no other frame needs."""
SLACK_SECONDS: Final = 0.001
"""Times are sums of binary fractions; a look must not come a frame late for that."""
BRISK_RATE: Final = 15
"""From this many frames a second, frames that no other frame needs may be skipped."""
QUARTER_TURN: Final = 90


@final
class PictureTrack:
    """Decodes a stream of moving pictures and shows its frames to a sampler."""

    def __init__(self, stream: Any, sampler: SceneSampler | ClipSampler, plan: Plan, *, keys_only: bool) -> None:
        from av.video.reformatter import VideoReformatter

        check_shape(stream.codec_context.width, stream.codec_context.height, plan.limits)
        self.stream = stream
        self.started = False
        self.end_seconds = 0.0
        self._sampler = sampler
        self._cuts = CutDetector()
        self._plan = plan
        self._keys_only = keys_only
        self._next_look = 0.0
        self._tiny = VideoReformatter()
        self._full = VideoReformatter()
        context = stream.codec_context
        context.thread_count = 1
        if keys_only:
            context.skip_frame = "NONKEY"
        elif (stream.average_rate or 0) >= BRISK_RATE and sampler.look_seconds >= SPARING_SECONDS:
            context.skip_frame = "NONREF"

    def take(self, packet: Any, origin_seconds: float) -> None:
        """Decode one packet, where any frame of it may be wanted."""
        if packet.pts is not None and packet.duration is not None:
            end = float((packet.pts + packet.duration) * packet.time_base) - origin_seconds
            self.end_seconds = max(self.end_seconds, end)
        if self._sampler.full or (self._keys_only and packet.size and not packet.is_keyframe):
            return
        for frame in packet.decode():
            self.started = True
            self._show(frame, max(0.0, (frame.time or 0.0) - origin_seconds))

    def _show(self, frame: Any, seconds: float) -> None:
        self.end_seconds = max(self.end_seconds, seconds)
        if self._sampler.full or (seconds < self._next_look and not self._keys_only):
            return
        self._next_look = seconds + self._sampler.look_seconds - SLACK_SECONDS
        check_shape(frame.width, frame.height, self._plan.limits)
        small = self._tiny.reformat(frame, TINY_SIDE, TINY_SIDE, format="gray", interpolation="AREA")
        tiny = small.to_ndarray().astype(np.uint8, copy=False)
        cut = self._cuts.cut(tiny, seconds)
        self._sampler.show(seconds, tiny, lambda: self._pixels(frame), cut=cut)

    def _pixels(self, frame: Any) -> Pixels:
        """The frame upright and in square pixels, its shorter side at most the plan's."""
        aspect = float(self.stream.sample_aspect_ratio or 1)
        width, height = frame.width * (aspect if 0.25 < aspect < 4 else 1.0), float(frame.height)
        scale = min(1.0, self._plan.image_side / min(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        rgb = self._full.reformat(frame, *size, format="rgb24", interpolation="AREA").to_ndarray()
        return np.ascontiguousarray(np.rot90(rgb, k=(frame.rotation or 0) // QUARTER_TURN))


@final
class SoundTrack:
    """Decodes a stream of sound into one run of mono samples."""

    def __init__(self, stream: Any, plan: Plan, limit_seconds: float) -> None:
        from av.audio.resampler import AudioResampler

        context = stream.codec_context
        context.thread_count = 1
        check_format(context.sample_rate, context.layout.nb_channels, plan.limits)
        self.stream = stream
        self.started = False
        self.start_seconds = 0.0
        self.mono = Mono(context.sample_rate, plan, limit_seconds=limit_seconds)
        self._floats = AudioResampler(format="fltp")

    def take(self, packet: Any, origin_seconds: float) -> None:
        """Decode one packet into samples."""
        if self.mono.cut:
            return
        for frame in packet.decode():
            if not self.started:
                self.started = True
                self.start_seconds = max(0.0, (frame.time or 0.0) - origin_seconds)
            for part in self._floats.resample(frame):
                self.mono.add(part.to_ndarray().T.astype(np.float32, copy=False))
