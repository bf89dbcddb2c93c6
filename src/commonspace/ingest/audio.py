"""A sound becomes mono float samples at the rate that the encoder wants, cut into windows."""

import io
from typing import Any, Final, final

import numpy as np
import soxr
from numpy.typing import NDArray

from commonspace.core.errors import ItemError
from commonspace.core.item import Audio, Metadata, Piece, Span
from commonspace.core.modality import Modality
from commonspace.ingest.heartbeat import beat
from commonspace.ingest.limits import Limits
from commonspace.ingest.plan import Plan
from commonspace.ingest.segments import windows

__all__ = ["SOUNDFILE_TYPES", "Mono", "check_format", "decode_samples", "decode_soundfile", "heard", "pieces_of"]

SOUNDFILE_TYPES: Final[dict[str, frozenset[str]]] = {
    "audio/wav": frozenset({"WAV", "WAVEX", "RF64"}),
    "audio/flac": frozenset({"FLAC"}),
    "audio/ogg": frozenset({"OGG"}),
    "audio/mpeg": frozenset({"MP3", "MPEG"}),
    "audio/aiff": frozenset({"AIFF"}),
}
"""The types that libsndfile decodes, with the formats that it may find inside."""

BLOCK_SECONDS: Final = 4
Samples = NDArray[np.float32]
Heard = tuple[tuple[Piece, ...], Metadata, tuple[str, ...]]


@final
class Mono:
    """Collects blocks of sound as mono samples at one rate, up to a length; holds little more than its result."""

    def __init__(self, rate: int, plan: Plan, *, limit_seconds: float) -> None:
        self._rate = rate
        self._target = plan.audio_rate
        self._left = int(limit_seconds * rate)
        self._limit_seconds = limit_seconds
        self._resampler = None if rate == plan.audio_rate else soxr.ResampleStream(rate, plan.audio_rate, 1)
        self._parts: list[Samples] = []
        self._peak = 0.0
        self.cut = False

    def add(self, block: Samples) -> bool:
        """Take a block of samples x channels; whether more is wanted.

        Raises:
            ItemError: a sample is NaN or infinite.
        """
        if len(block) > self._left:
            block, self.cut = block[: self._left], True
        self._left -= len(block)
        mono = block.mean(axis=1, dtype=np.float32) if block.shape[1] > 1 else block[:, 0]
        if len(mono):
            peak = float(np.max(np.abs(mono)))
            if not np.isfinite(peak):
                cause = "The sound holds samples that are not numbers (NaN or infinity)."
                raise ItemError("not_finite", cause, fix="Export it again from its source.")
            self._peak = max(self._peak, peak)
            self._keep(mono, last=False)
        return not self.cut

    def finish(self) -> tuple[Samples, tuple[str, ...]]:
        """All samples, and notes on what was done to them."""
        if self._resampler is not None:
            self._keep(np.zeros(0, dtype=np.float32), last=True)
        samples = np.concatenate(self._parts) if self._parts else np.zeros(0, dtype=np.float32)
        self._parts.clear()
        notes = []
        if self._resampler is not None:
            notes.append(f"resampled from {self._rate} to {self._target} Hz")
        if self.cut:
            notes.append(f"first {self._limit_seconds:g} s only")
        if self._peak > 1.0:
            samples = samples / np.float32(self._peak)
            notes.append(f"scaled down from a peak of {self._peak:.3g}")
        return samples, tuple(notes)

    def _keep(self, mono: Samples, *, last: bool) -> None:
        if self._resampler is None:
            self._parts.append(np.ascontiguousarray(mono))
        else:
            self._parts.append(self._resampler.resample_chunk(np.ascontiguousarray(mono), last=last))


def decode_soundfile(data: bytes, media_type: str, plan: Plan) -> Heard:
    """Pieces of an encoded sound that libsndfile reads.

    Raises:
        ItemError: corrupt, too short, too many channels, not finite.
    """
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.format not in SOUNDFILE_TYPES[media_type]:
                raise _corrupt(media_type)
            check_format(file.samplerate, file.channels, plan.limits)
            mono = Mono(file.samplerate, plan, limit_seconds=plan.limits.audio_seconds)
            damaged = _drain(file, mono, soundfile.SoundFileError)
            metadata: Metadata = {"rate_hz": file.samplerate, "channels": file.channels, "format": file.format}
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError, TypeError):
        raise _corrupt(media_type) from None
    samples, notes = mono.finish()
    if damaged:
        notes = (*notes, "damaged: only the part before the damage is used")
    return heard(samples, metadata, notes, plan)


def decode_samples(audio: Audio, plan: Plan) -> Heard:
    """Pieces of sound that a program hands over: samples, or samples x channels, floats or integers.

    Raises:
        ItemError: a shape, type or rate that is no sound; too short; not finite.
    """
    array = np.asarray(audio.array)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu":
        raise ItemError(
            "bad_value",
            f"Audio.array has {array.ndim} dimensions of {array.dtype}.",
            fix="Give samples, or samples x channels, as floats in -1..1 or as integers.",
        )
    block = array[:, None] if array.ndim == 1 else array
    check_format(audio.rate, block.shape[1], plan.limits)
    mono = Mono(audio.rate, plan, limit_seconds=plan.limits.audio_seconds)
    mono.add(_scaled(block[: int(plan.limits.audio_seconds * audio.rate) + 1]))
    samples, notes = mono.finish()
    return heard(samples, {"rate_hz": audio.rate, "channels": block.shape[1]}, notes, plan)


def pieces_of(samples: Samples, plan: Plan, *, offset_seconds: float = 0.0) -> tuple[Piece, ...]:
    """Sound cut into windows of at most the plan's length, each with its times."""
    spans = windows(len(samples), int(plan.audio_window_seconds * plan.audio_rate))
    return tuple(
        Piece(
            modality=Modality.AUDIO,
            content=Audio(array=samples[start:end], rate=plan.audio_rate),
            span=Span(
                start_seconds=round(offset_seconds + start / plan.audio_rate, 3),
                end_seconds=round(offset_seconds + end / plan.audio_rate, 3),
            ),
        )
        for start, end in spans
    )


def check_format(rate: int, channels: int, limits: Limits) -> None:
    """Refuse rates and channel counts that no recording has.

    Raises:
        ItemError: with the value and the limit.
    """
    if not 1000 <= rate <= limits.audio_rate_hertz:
        cause = f"The sound has a rate of {rate} Hz; 1000 to {limits.audio_rate_hertz} Hz are decoded."
        raise ItemError("too_large" if rate > limits.audio_rate_hertz else "bad_value", cause, fix="Resample it.")
    if not 1 <= channels <= limits.audio_channels:
        cause = f"The sound has {channels} channels; the limit is {limits.audio_channels}."
        raise ItemError("too_large", cause, fix="Mix it down to stereo or mono.")


def heard(samples: Samples, metadata: Metadata, notes: tuple[str, ...], plan: Plan) -> Heard:
    """Pieces, metadata and notes of decoded samples, if there are enough of them."""
    seconds = len(samples) / plan.audio_rate
    if not len(samples):
        raise ItemError("empty", "The sound has no samples (0 s).", fix="Record or export it again.")
    if seconds < plan.limits.audio_shortest_seconds:
        least = plan.limits.audio_shortest_seconds
        cause = f"The sound lasts {seconds:.4f} s; at least {least:g} s are needed."
        raise ItemError("too_small", cause, fix="Use a longer recording.")
    return pieces_of(samples, plan), {**metadata, "seconds": round(seconds, 3)}, notes


def _drain(file: Any, mono: Mono, failure: type[Exception]) -> bool:
    """Read every block into ``mono``; whether the file broke off after at least one good block."""
    started = False
    while True:
        try:
            block = file.read(BLOCK_SECONDS * file.samplerate, dtype="float32", always_2d=True)
        except failure:
            if started:
                return True
            raise
        if not len(block) or not mono.add(block):
            return False
        started = True
        beat()


def _scaled(block: NDArray[Any]) -> Samples:
    """Integers brought to -1..1 by their type's range; floats as they are."""
    if block.dtype.kind == "f":
        return block.astype(np.float32)
    span = float(np.iinfo(block.dtype).max) + 1.0
    middle = span / 2 if block.dtype.kind == "u" else 0.0
    return ((block.astype(np.float64) - middle) / (span - middle)).astype(np.float32)


def _corrupt(media_type: str) -> ItemError:
    name = media_type.removeprefix("audio/").upper()
    cause = f"It begins like {name} sound but does not decode."
    return ItemError("corrupt", cause, fix="Copy it again from its source, or save it anew.")
