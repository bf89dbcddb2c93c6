"""A video becomes frames that stand for stretches of time, and its soundtrack in windows; a sound file the latter.

Short videos are decoded whole, long ones by their key frames, so that the work stays near a few frames a second.
"""

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from commonspace.core.errors import ItemError
from commonspace.core.item import Audio, Clip, Decoded, Metadata, Piece, Span
from commonspace.core.modality import Modality
from commonspace.ingest.audio import heard, pieces_of
from commonspace.ingest.clips import ClipPlan, ClipSampler, TimedClip
from commonspace.ingest.container import open_container, playable, unplayable
from commonspace.ingest.heartbeat import beat
from commonspace.ingest.payload import Payload
from commonspace.ingest.plan import Plan
from commonspace.ingest.scenes import Scene, SceneSampler
from commonspace.ingest.tracks import PictureTrack, SoundTrack

__all__ = ["decode_stream"]

WHOLE_SECONDS: Final = 90.0
"""Longer videos are decoded by their key frames only."""
SPARSE_SECONDS: Final = 20.0
"""Key frames further apart than this do not stand for a video; then it is decoded whole after all."""
MICROSECONDS: Final = 1_000_000


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    """How one pass over the packets ended."""

    cut: bool = False
    damaged: bool = False


def decode_stream(payload: Payload, media_type: str, plan: Plan) -> Decoded:
    """A video as frames and soundtrack, or a sound in a container of the same family as windows.

    Raises:
        ItemError: corrupt, too large, without any frame or sound, or of an unknown codec.
    """
    only_sound = media_type.startswith("audio/")
    kind, limit_bytes = ("sounds", plan.limits.audio_bytes) if only_sound else ("videos", plan.limits.video_bytes)
    payload.check_size(limit_bytes, kind)
    content_hash = payload.content_hash()
    gap_seconds = 0.0 if only_sound else _key_gap_seconds(payload, media_type, plan)
    with open_container(payload.whole(), media_type, plan.limits) as container:
        video = None if only_sound else playable(container, "video")
        sound = playable(container, "audio")
        if video is None:
            pieces, metadata, notes = _read_sound(container, sound, plan)
        else:
            pieces, metadata, notes = _read_video(container, video, sound, gap_seconds, plan)
    return Decoded(
        modality=Modality.AUDIO if video is None else Modality.VIDEO,
        media_type=media_type.replace("video/", "audio/") if video is None else media_type,
        content_hash=content_hash,
        num_bytes=payload.num_bytes,
        cost=_cost(pieces),
        pieces=pieces,
        notes=notes,
        metadata=metadata,
    )


def _read_sound(container: Any, sound: Any | None, plan: Plan) -> tuple[tuple[Piece, ...], Metadata, tuple[str, ...]]:
    """The windows of a container that holds sound only."""
    if sound is None:
        raise unplayable(container)
    track = SoundTrack(sound, plan, plan.limits.audio_seconds)
    run = _demux(container, [track], plan.limits.audio_seconds)
    samples, notes = track.mono.finish()
    metadata: Metadata = {
        "rate_hz": sound.codec_context.sample_rate,
        "channels": sound.codec_context.layout.nb_channels,
        "format": sound.codec_context.name.upper(),
    }
    return heard(
        samples, metadata, (*notes, *_run_notes(run, plan.limits.audio_seconds, cut_known=track.mono.cut)), plan
    )


def _read_video(
    container: Any, video: Any, sound: Any | None, gap_seconds: float, plan: Plan
) -> tuple[tuple[Piece, ...], Metadata, tuple[str, ...]]:
    """Frames and soundtrack of a video."""
    limits = plan.limits
    sampler, keys_only = _sampler(_claimed_seconds(container, video), gap_seconds, plan)
    pictures = PictureTrack(video, sampler, plan, keys_only=keys_only)
    track = None if sound is None else SoundTrack(sound, plan, limits.video_seconds)
    run = _demux(container, [pictures] if track is None else [pictures, track], limits.video_seconds)
    end_seconds = min(pictures.end_seconds, limits.video_seconds)
    frames = _seen(sampler, end_seconds)
    if not frames:
        raise ItemError("corrupt", "No frame of the video decodes.", fix="Copy it again, or convert it anew.")
    windows, notes = _soundtrack(track, plan)
    metadata: Metadata = {
        "width": video.codec_context.width,
        "height": video.codec_context.height,
        "seconds": round(end_seconds, 3),
        "format": video.codec_context.name.upper(),
        "frames": len(frames),
    }
    return (*frames, *windows), metadata, (*notes, *_run_notes(run, limits.video_seconds, cut_known=False))


def _sampler(claimed_seconds: float, gap_seconds: float, plan: Plan) -> tuple[SceneSampler | ClipSampler, bool]:
    """What chooses among the frames, and whether key frames are enough for it."""
    limits, length = plan.limits, min(claimed_seconds, plan.limits.video_seconds)
    if plan.clip_frames:
        clips = ClipPlan.of(
            length, num_frames=plan.clip_frames, clip_seconds=plan.clip_seconds, most_frames=limits.video_frames
        )
        return ClipSampler(clips), gap_seconds <= clips.part_seconds
    least_seconds = max(plan.video_frame_seconds, length / limits.video_frames)
    sparse_enough = claimed_seconds > WHOLE_SECONDS and gap_seconds <= SPARSE_SECONDS
    keys_only = gap_seconds <= 2 * plan.video_frame_seconds or sparse_enough
    return SceneSampler(least_seconds=least_seconds, most_frames=limits.video_frames), keys_only


def _seen(sampler: SceneSampler | ClipSampler, end_seconds: float) -> tuple[Piece, ...]:
    """The frames or the clips that stand for a video, with their times."""
    if isinstance(sampler, ClipSampler):
        return tuple(
            Piece(modality=Modality.VIDEO, content=each.clip, span=_span(each)) for each in sampler.clips(end_seconds)
        )
    return tuple(
        Piece(modality=Modality.IMAGE, content=each.pixels, span=_span(each)) for each in sampler.scenes(end_seconds)
    )


def _span(part: Scene | TimedClip) -> Span:
    return Span(start_seconds=part.start_seconds, end_seconds=part.end_seconds)


def _soundtrack(track: SoundTrack | None, plan: Plan) -> tuple[tuple[Piece, ...], tuple[str, ...]]:
    """The windows of a video's sound, none where it has none."""
    if track is None:
        return (), ("no soundtrack",)
    samples, notes = track.mono.finish()
    if len(samples) < plan.limits.audio_shortest_seconds * plan.audio_rate:
        return (), ("no soundtrack",)
    return pieces_of(samples, plan, offset_seconds=track.start_seconds), tuple(f"soundtrack: {note}" for note in notes)


def _demux(container: Any, tracks: list[Any], limit_seconds: float) -> _Run:
    """Hand every packet to its track, up to the time limit; damage ends the pass once something has decoded."""
    import av.error

    by_stream = {track.stream.index: track for track in tracks}
    origin = max(0.0, (container.start_time or 0) / MICROSECONDS)
    packets = iter(container.demux([track.stream for track in tracks]))
    damaged = False
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            if packet.pts is not None and float(packet.pts * packet.time_base) - origin > limit_seconds:
                return _Run(cut=True, damaged=damaged)
            track = by_stream.get(packet.stream_index)  # streams may turn up late
            if track is not None:
                track.take(packet, origin)
        except (av.error.FFmpegError, ValueError):
            damaged = True
        beat()
    if damaged and not any(track.started for track in tracks):
        raise ItemError("corrupt", "Nothing in it decodes.", fix="Copy it again, or convert it anew.")
    return _Run(damaged=damaged)


def _key_gap_seconds(payload: Payload, media_type: str, plan: Plan) -> float:
    """The mean time between key frames, from the packets alone.

    It opens the container for itself: not every container can be rewound.
    """
    times: list[float] = []
    seconds = 0.0
    with open_container(payload.whole(), media_type, plan.limits) as container:
        video = playable(container, "video")
        for packet in () if video is None else container.demux(video):
            if packet.pts is None:
                continue
            seconds = float(packet.pts * packet.time_base)
            if packet.is_keyframe:
                times.append(seconds)
            if seconds > plan.limits.video_seconds:
                break
            beat()
    return (seconds - times[0]) / len(times) if times else SPARSE_SECONDS + 1


def _claimed_seconds(container: Any, video: Any) -> float:
    """How long the header says the video is; nothing depends on its truth but how densely frames are taken."""
    if video.duration is not None and video.time_base is not None:
        return max(0.0, float(video.duration * video.time_base))
    return max(0.0, (container.duration or 0) / MICROSECONDS)


def _run_notes(run: _Run, limit_seconds: float, *, cut_known: bool) -> tuple[str, ...]:
    notes = []
    if run.cut and not cut_known:
        notes.append(f"first {limit_seconds:g} s only")
    if run.damaged:
        notes.append("damaged: only what decodes is used")
    return tuple(notes)


def _cost(pieces: tuple[Piece, ...]) -> int:
    """Pixels of the frames plus samples of the sound."""
    sounds = sum(len(piece.content.array) for piece in pieces if isinstance(piece.content, Audio))
    pixels = sum(piece.content.size // 3 for piece in pieces if isinstance(piece.content, np.ndarray))
    clips = sum(piece.content.frames.size // 3 for piece in pieces if isinstance(piece.content, Clip))
    return sounds + pixels + clips
