"""What the encoders want from decoding: sizes, rates and window lengths, next to the limits."""

from dataclasses import dataclass, field
from typing import final

from commonspace.ingest.limits import Limits

__all__ = ["Plan"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One decoding's parameters; picklable, so that it travels to decode workers.

    ``image_side`` is the shorter side wanted, in pixels: larger pictures are scaled down to it, smaller ones are
    left alone. ``audio_window_seconds`` is the longest piece of sound. ``video_frame_seconds`` is the least time
    between two frames of one video. ``passage_chars`` is the length at which text is split. ``sheet_pixels`` is the
    most that pictures and pages without text have when they are kept for a reader; 0 keeps none.
    Where ``clip_frames`` is not 0, a video becomes clips of so many frames and of at most ``clip_seconds`` each, in
    place of single frames.
    """

    limits: Limits = field(default_factory=Limits)
    image_side: int = 256
    audio_rate: int = 16_000
    audio_window_seconds: float = 10.0
    video_frame_seconds: float = 1.0
    passage_chars: int = 900
    sheet_pixels: int = 0
    clip_frames: int = 0
    clip_seconds: float = 10.0
