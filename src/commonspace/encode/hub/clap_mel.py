"""Sound to CLAP's log-mel pictures, in NumPy alone, as the library's feature extractor makes them, without its chance.

It takes crops at random where a clip is longer than the model hears; here they lie at fixed places.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import ModelError
from commonspace.core.item import Audio, Content
from commonspace.encode.hub.extractor import sound_size
from commonspace.encode.tower import Features

__all__ = ["ClapPreparation", "htk_bands"]

LEAST_POWER: Final = 1e-10
NUM_CROPS: Final = 3
TRUNCATIONS: Final = ("fusion", "rand_trunc")

Samples = NDArray[np.float32]
Table = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClapPreparation:
    """Mono sound at ``rate_hertz`` to log-mels in decibels (windows x channels x frames x bands, float32).

    A clip that is shorter than the model hears is repeated and padded as ``padding`` says. With ``fused``, a longer
    one becomes four channels: all of it shrunk, and its first, middle and last stretch. Without, it becomes several
    windows, as few as cover it, evenly spaced.
    """

    rate_hertz: int = 48_000
    fft_samples: int = 1_024
    hop_samples: int = 480
    num_bands: int = 64
    seconds: int = 10
    least_hertz: float = 0.0
    most_hertz: float = 14_000.0
    padding: str = "repeatpad"
    fused: bool = False

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Self:
        """From the feature extractor's configuration.

        Raises:
            ModelError: it asks for something that this does not do.
        """
        truncation = str(config.get("truncation", "fusion"))
        rate, seconds = config.get("sampling_rate", 48_000), config.get("max_length_s", 10)
        found = cls(
            rate_hertz=sound_size("rate_hertz", rate),
            fft_samples=sound_size("frame_samples", config.get("fft_window_size", 1_024)),
            hop_samples=sound_size("frame_samples", config.get("hop_length", 480)),
            num_bands=sound_size("bands", config.get("feature_size", 64)),
            seconds=sound_size("seconds", seconds),
            least_hertz=float(config.get("frequency_min", 0.0)),
            most_hertz=float(config.get("frequency_max", 14_000.0)),
            padding=str(config.get("padding", "repeatpad")),
            fused=truncation == "fusion",
        )
        sound_size("frames", found.window_samples // found.hop_samples)
        if truncation not in TRUNCATIONS or not 0 <= found.least_hertz < found.most_hertz <= found.rate_hertz / 2:
            raise ModelError(
                f"Its feature extractor cuts by '{truncation[:40]}' or hears {found.least_hertz} to "
                f"{found.most_hertz} Hz, which this does not do.",
                fix="Use a checkpoint of a family in docs/models.md.",
            )
        if found.fft_samples > found.window_samples:
            raise ModelError("Its feature extractor's frame is longer than its window.", fix="Download it again.")
        return found

    @property
    def window_samples(self) -> int:
        """How many samples one picture hears."""
        return self.seconds * self.rate_hertz

    def __call__(self, content: Content) -> Features:
        """Compute one clip's log-mels."""
        if not isinstance(content, Audio):
            raise TypeError(f"an audio tower takes Audio, not {type(content).__name__}")
        sound = content.array.astype(np.float32, copy=False)
        over = len(sound) - self.window_samples
        if over <= 0:
            return self._log_mel(self._filled(sound))[None, None]
        if self.fused:
            return self._fused(self._log_mel(sound))[None]
        starts = np.rint(np.linspace(0, over, 1 + -(-over // self.window_samples))).astype(np.intp)
        return np.stack([self._log_mel(sound[start : start + self.window_samples])[None] for start in starts])

    def _filled(self, sound: Samples) -> Samples:
        """A short clip made as long as a window."""
        times = self.window_samples // len(sound)
        if self.padding == "repeat":
            return np.tile(sound, times + 1)[: self.window_samples]
        repeated = np.tile(sound, times) if self.padding == "repeatpad" else sound
        return np.pad(repeated, (0, self.window_samples - len(repeated)))

    def _fused(self, mel: Samples) -> Samples:
        """Four channels from a long log-mel; one where it has no more frames than a window."""
        num_frames = self.window_samples // self.hop_samples + 1
        last = len(mel) - num_frames
        if last <= 0:
            return mel[None]
        crops = [mel[start : start + num_frames] for start in _starts(last)]
        return np.stack([_shrunk(mel, num_frames), *crops])

    def _log_mel(self, sound: Samples) -> Samples:
        """Samples to decibels (frames x bands)."""
        half = self.fft_samples // 2
        mirrored = np.pad(sound, half, mode="reflect").astype(np.float64)
        views = np.lib.stride_tricks.sliding_window_view(mirrored, self.fft_samples)[:: self.hop_samples]
        spectra = np.fft.rfft(views * _hann(self.fft_samples), axis=1)
        mel = (spectra.real**2 + spectra.imag**2) @ _bands(self)
        return (10.0 * np.log10(np.maximum(mel, LEAST_POWER))).astype(np.float32)


def _starts(last: int) -> tuple[int, int, int]:
    """Where crops begin, of the places that the library throws dice for: the first, the middle one and the last.

    It deals the places 0 to ``last`` out to three parts; where there are too few, a part has the first place alone.
    """
    first, middle, back = np.array_split(np.arange(last + 1), 3)
    return int(first[0]), int(middle[len(middle) // 2]), int(back[-1]) if len(back) else 0


def _shrunk(mel: Samples, num_frames: int) -> Samples:
    """Fewer frames by linear interpolation between those beside each place, corners not aligned."""
    places = np.maximum((np.arange(num_frames) + 0.5) * (len(mel) / num_frames) - 0.5, 0.0)
    before = places.astype(np.intp)
    after = np.minimum(before + 1, len(mel) - 1)
    share = (places - before).astype(np.float32)[:, None]
    return np.asarray(mel[before] * (1 - share) + mel[after] * share, dtype=np.float32)


@lru_cache(maxsize=4)
def _hann(num_samples: int) -> Table:
    """The Hann window whose period is ``num_samples``."""
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(num_samples) / num_samples)


@lru_cache(maxsize=4)
def _bands(spec: ClapPreparation) -> Table:
    """Triangles (bins x bands): where clips are fused of height one on HTK's scale, else of area one on Slaney's."""
    bins = np.linspace(0, spec.rate_hertz // 2, spec.fft_samples // 2 + 1)
    if spec.fused:
        return htk_bands(bins, spec.least_hertz, spec.most_hertz, spec.num_bands)
    steps = np.linspace(_slaney_steps(spec.least_hertz), _slaney_steps(spec.most_hertz), spec.num_bands + 2)
    edges = _slaney_hertz(steps)
    return np.asarray(_triangles(bins, edges) * (2.0 / (edges[2:] - edges[:-2])))


def htk_bands(bins: Table, least_hertz: float, most_hertz: float, num_bands: int) -> Table:
    """Triangles (bins x bands) of height one, evenly spaced on HTK's mel scale; ``bins`` are frequencies in hertz."""
    return _triangles(bins, _htk_hertz(np.linspace(_htk_steps(least_hertz), _htk_steps(most_hertz), num_bands + 2)))


def _triangles(bins: Table, edges: Table) -> Table:
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)))


def _htk_steps(hertz: float) -> float:
    return float(2595.0 * np.log10(1.0 + hertz / 700.0))


def _htk_hertz(steps: Table) -> Table:
    return np.asarray(700.0 * (10.0 ** (steps / 2595.0) - 1.0))


def _slaney_steps(hertz: float) -> float:
    return 3.0 * hertz / 200.0 if hertz < 1_000.0 else float(15.0 + np.log(hertz / 1_000.0) * 27.0 / np.log(6.4))


def _slaney_hertz(steps: Table) -> Table:
    return np.where(steps < 15.0, steps * 200.0 / 3.0, 1_000.0 * np.exp((steps - 15.0) * np.log(6.4) / 27.0))
