"""Cuts stills and sounds into a short film: a slow zoom on each still while its sound plays."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, cast, final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samples.make.sounds import RATE_HZ, level

__all__ = ["Scene", "write_film"]

_SIZE: Final = (480, 320)
_FRAMES_A_SECOND: Final = 10
_SOUND_RATE_HZ: Final = 48_000
_CODECS: Final = {
    ".mp4": ("libx264", "aac", {"crf": "26", "preset": "slow"}),
    ".webm": ("libvpx-vp9", "libopus", {"crf": "36", "b:v": "0"}),
}


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A still, and the sound that plays (over and over) while it is shown."""

    still: Image.Image
    sound: NDArray[np.float32]
    seconds: float


def write_film(path: Path, scenes: tuple[Scene, ...], *, quick: bool = False) -> None:
    """Write an H.264/AAC ``.mp4`` or a VP9/Opus ``.webm`` of the scenes in order; ``quick`` makes a larger file."""
    picture_codec, sound_codec, options = _CODECS[path.suffix]
    options = {**options, "preset": "ultrafast"} if quick and path.suffix == ".mp4" else options
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        picture = cast("av.VideoStream", container.add_stream(picture_codec, rate=_FRAMES_A_SECOND, options=options))
        picture.width, picture.height, picture.pix_fmt = *_SIZE, "yuv420p"
        picture.codec_context.thread_count = 1
        sound = cast("av.AudioStream", container.add_stream(sound_codec, rate=_SOUND_RATE_HZ, layout="mono"))
        sound.bit_rate = 64_000
        for still in _frames(scenes):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.asarray(still), format="rgb24")))
        container.mux(picture.encode(None))
        for frame in _sound_frames(scenes):
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


def _frames(scenes: tuple[Scene, ...]) -> Iterator[Image.Image]:
    for scene in scenes:
        still = _filled(scene.still)
        num_frames = round(scene.seconds * _FRAMES_A_SECOND)
        for number in range(num_frames):
            margin = 0.06 * number / num_frames
            box = (margin * still.width, margin * still.height, (1 - margin) * still.width, (1 - margin) * still.height)
            yield still.resize(_SIZE, Image.Resampling.BICUBIC, box=box)


def _filled(still: Image.Image) -> Image.Image:
    """The still at twice the film's size, whole, on a soft ground of its own mean colour."""
    width, height = 2 * _SIZE[0], 2 * _SIZE[1]
    ground = Image.new("RGB", (width, height), still.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))
    scale = min(width / still.width, height / still.height)
    whole = still.resize((round(still.width * scale), round(still.height * scale)), Image.Resampling.LANCZOS)
    ground.paste(whole, ((width - whole.width) // 2, (height - whole.height) // 2))
    return ground


def _sound_frames(scenes: tuple[Scene, ...]) -> Iterator[av.AudioFrame]:
    track = np.concatenate([_looped(level(scene.sound), scene.seconds) for scene in scenes])
    frame = av.AudioFrame.from_ndarray(track[np.newaxis, :], format="fltp", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), 0
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=_SOUND_RATE_HZ, frame_size=960)
    yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _looped(sound: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
    """The sound, with a pause after each turn, until the scene ends."""
    turn = np.concatenate([sound, np.zeros(RATE_HZ // 4, dtype=np.float32)])
    num_samples = round(seconds * RATE_HZ)
    return np.tile(turn, -(-num_samples // len(turn)))[:num_samples]
