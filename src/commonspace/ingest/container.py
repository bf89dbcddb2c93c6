"""FFmpeg on a short leash: one demuxer, listed codecs, and no bytes but the ones it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, Never

from commonspace.core.errors import ItemError
from commonspace.ingest.limits import Limits

__all__ = ["CODECS", "CONTAINER_TYPES", "open_container", "playable", "unplayable"]

CONTAINER_TYPES: Final[dict[str, str]] = {
    "video/mp4": "mov,mp4,m4a,3gp,3g2,mj2",
    "audio/mp4": "mov,mp4,m4a,3gp,3g2,mj2",
    "video/matroska": "matroska,webm",
    "video/x-msvideo": "avi",
    "video/ogg": "ogg",
    "video/mpeg": "mpeg",
    "video/mp2t": "mpegts",
    "video/x-flv": "flv",
    "video/x-ms-asf": "asf",
    "audio/aac": "aac",
    "audio/amr": "amr",
}
"""Every type that FFmpeg decodes, with the one demuxer that it may use."""

CODECS: Final = frozenset(
    {"h264", "hevc", "libdav1d", "av1", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg4", "mpeg2video", "mpeg1video"}
    | {"mjpeg", "theora", "msmpeg4v3", "msmpeg4", "msmpeg4v2", "wmv1", "wmv2", "wmv3", "vc1", "h263", "flv", "prores"}
    | {"aac", "mp3", "mp3float", "mp2", "mp2float", "opus", "libopus", "vorbis", "libvorbis", "flac", "alac", "ac3"}
    | {"eac3", "wmav1", "wmav2", "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "adpcm_ms"}
    | {"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le", "pcm_u8", "pcm_alaw", "pcm_mulaw"}
)
"""The decoders, by FFmpeg's names, that may run; common ones, so that forgotten corners of FFmpeg stay unused."""
ATTACHED_PICTURE: Final = 0x0400


@contextmanager
def open_container(stream: BinaryIO, media_type: str, limits: Limits) -> Iterator[Any]:
    """An opened PyAV container over ``stream``.

    Raises:
        ItemError: it does not decode, or holds a codec that is not on the list.
    """
    import av
    import av.error

    av.logging.set_level(av.logging.PANIC)
    options = {
        "codec_whitelist": ",".join(sorted(CODECS)),
        "format_whitelist": CONTAINER_TYPES[media_type],
        "protocol_whitelist": "none",
        "max_pixels": str(limits.video_pixels),
        "max_streams": "64",
        "threads": "1",
    }
    demuxer = CONTAINER_TYPES[media_type].split(",", maxsplit=1)[0]
    try:
        with av.open(stream, format=demuxer, options=options, io_open=_refuse, metadata_errors="replace") as container:
            yield container
    except (av.error.FFmpegError, OSError, ValueError, OverflowError, EOFError, IndexError) as error:
        raise _failure(error, media_type) from None


def playable(container: Any, kind: str) -> Any | None:
    """The first stream of a kind, ``video`` or ``audio``, that may be decoded; a sound file's cover is no video."""
    for stream in getattr(container.streams, kind):
        context = stream.codec_context
        if context is not None and context.codec.name in CODECS and not int(stream.disposition) & ATTACHED_PICTURE:
            return stream
    return None


def unplayable(container: Any) -> ItemError:
    """What to say about a container with no stream that may be decoded."""
    if len(container.streams.video) + len(container.streams.audio):
        return _unknown_codec()
    cause = "The container holds neither pictures nor sound."
    return ItemError("empty", cause, fix="Export it again.")


def _unknown_codec() -> ItemError:
    cause = "It holds a codec that is not decoded here."
    return ItemError("unknown_codec", cause, fix="Convert it to MP4 with H.264 and AAC, or to WAV.")


def _refuse(_url: str, _flags: int, _options: dict[str, str]) -> Never:
    """Whatever else a file asks FFmpeg to open stays closed."""
    raise PermissionError


def _failure(error: Exception, media_type: str) -> ItemError:
    name = type(error).__name__
    if "DecoderNotFound" in name or "DemuxerNotFound" in name:
        return _unknown_codec()
    cause = f"It begins like {media_type} but does not decode."
    return ItemError("corrupt", cause, fix="Copy it again from its source, or convert it anew.")
