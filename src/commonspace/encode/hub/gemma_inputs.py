"""Pictures and sounds for EmbeddingGemma 2, in NumPy and Pillow, as the library's Gemma 4 processors make them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import ItemError, ModelError
from commonspace.core.item import Audio, Content
from commonspace.encode.hub.clap_mel import htk_bands
from commonspace.encode.hub.extractor import sound_size
from commonspace.encode.hub.given_media import Role, packed
from commonspace.encode.tower import Features

__all__ = ["GemmaPictures", "GemmaSounds"]

SAMPLE_STEP: Final = 128
"""Sounds are followed by silence up to a multiple of so many samples."""
MOST_SAMPLES: Final = 480_000
FRAME_MILLISECONDS: Final = 20.0
HOP_MILLISECONDS: Final = 10.0
UNKNOWN: Final = ("preemphasis", "dither", "per_bin_mean", "per_bin_stddev")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GemmaPictures:
    """RGB pixels (h x w x 3) in their own ratio, as large as ``tokens`` of ``pool`` x ``pool`` patches allow."""

    role: Role
    patch: int
    pool: int
    tokens: int
    resample: int

    @classmethod
    def read(cls, config: Mapping[str, Any], role: Role) -> Self:
        """From an image processor's configuration.

        Raises:
            ModelError: there can be no such pictures.
        """
        patch, pool = int(config.get("patch_size", 16)), int(config.get("pooling_kernel_size", 3))
        tokens, resample = int(config.get("max_soft_tokens", 280)), int(config.get("resample", 3))
        if not (0 < patch <= 64 and 0 < pool <= 8 and 0 < tokens <= 4_096 and resample in range(6)):
            raise ModelError("The processor's sizes fit no picture.", fix="Restore its processor_config.json.")
        return cls(role=role, patch=patch, pool=pool, tokens=tokens, resample=resample)

    @property
    def most_patches(self) -> int:
        """How many patches the largest picture has."""
        return self.tokens * self.pool**2

    def __call__(self, content: Content) -> Features:
        """Scale one picture, and pack it with its role.

        Raises:
            ItemError: one side is too many times the other.
        """
        if not isinstance(content, np.ndarray):
            raise TypeError(f"an image tower takes pixels, not {type(content).__name__}")
        from PIL import Image

        height, width = self._target(*content.shape[:2])
        if (height, width) == content.shape[:2]:
            return packed(self.role, content)
        resized = Image.fromarray(content).resize((width, height), Image.Resampling(self.resample))
        return packed(self.role, np.asarray(resized, dtype=np.uint8))

    def _target(self, height: int, width: int) -> tuple[int, int]:
        """The largest sides of whole tokens that fit; one that would be none is one token, the other at most all."""
        side, area = self.pool * self.patch, self.most_patches * self.patch**2
        scale = math.sqrt(area / (height * width))
        tall, wide = (math.floor(scale * each / side) * side for each in (height, width))
        if tall == 0:
            tall, wide = side, min(width // height * side, self.tokens * side)
        elif wide == 0:
            tall, wide = min(height // width * side, self.tokens * side), side
        if tall * wide > area or not tall * wide:
            raise ItemError(
                "too_thin", f"A picture of {width} x {height} is too thin for this model.", fix="Cut it into pieces."
            )
        return tall, wide


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GemmaSounds:
    """Mono sound to log-mels (frames x 1 + bands, float32), whose first column says which frames are heard."""

    role: Role
    rate_hertz: int
    num_bands: int
    least_hertz: float
    most_hertz: float
    floor: float
    scale: float
    overdrive: bool

    @classmethod
    def read(cls, config: Mapping[str, Any], role: Role) -> Self:
        """From a feature extractor's configuration.

        Raises:
            ModelError: it asks for something that this does not do.
        """
        rate = sound_size("rate_hertz", config.get("sampling_rate", 16_000))
        found = cls(
            role=role,
            rate_hertz=rate,
            num_bands=sound_size("bands", config.get("feature_size", 128)),
            least_hertz=float(config.get("min_frequency", 0.0)),
            most_hertz=float(config.get("max_frequency", 8_000.0)),
            floor=float(config.get("mel_floor", 1e-3)),
            scale=float(config.get("input_scale_factor", 1.0)),
            overdrive=bool(config.get("fft_overdrive")),
        )
        other = [name for name in UNKNOWN if config.get(name)]
        times = config.get("frame_length_ms", FRAME_MILLISECONDS), config.get("hop_length_ms", HOP_MILLISECONDS)
        if times != (FRAME_MILLISECONDS, HOP_MILLISECONDS):
            other.append("frames of another length")
        if other or not 0 <= found.least_hertz < found.most_hertz <= rate / 2 or not found.floor > 0:
            raise ModelError(
                f"Its feature extractor asks for what this does not do: {', '.join(other) or 'other frequencies'}.",
                fix="Use a checkpoint of a family in docs/models.md.",
            )
        return found

    @property
    def seconds(self) -> float:
        """The longest sound that is heard whole."""
        return MOST_SAMPLES / self.rate_hertz

    def __call__(self, content: Content) -> Features:
        """Compute one clip's log-mels, and pack them with their role."""
        if not isinstance(content, Audio):
            raise TypeError(f"an audio tower takes Audio, not {type(content).__name__}")
        sound = content.array.astype(np.float32, copy=False)[:MOST_SAMPLES] * np.float32(self.scale)
        frame, hop = (round(self.rate_hertz * each / 1000) for each in (FRAME_MILLISECONDS, HOP_MILLISECONDS))
        whole = max(-(-len(sound) // SAMPLE_STEP) * SAMPLE_STEP, frame - frame // 2 + 1)
        padded = np.pad(sound, (frame // 2, whole - len(sound)))
        views = np.lib.stride_tricks.sliding_window_view(padded, frame + 1)[::hop, :frame]
        fft = 2 ** math.ceil(math.log2(frame)) * (2 if self.overdrive else 1)
        mel = np.abs(np.fft.rfft(views * _hann(frame), n=fft, axis=1)) @ _bands(self, fft)
        heard = np.arange(len(views)) * hop + frame < frame // 2 + len(sound)
        logs = np.log(mel + self.floor) * heard[:, None]
        return packed(self.role, np.column_stack([heard, logs]).astype(np.float32))


@lru_cache(maxsize=4)
def _hann(num_samples: int) -> NDArray[np.float64]:
    """The Hann window whose period is ``num_samples``."""
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(num_samples) / num_samples)


@lru_cache(maxsize=4)
def _bands(spec: GemmaSounds, fft_samples: int) -> NDArray[np.float64]:
    bins = np.linspace(0, spec.rate_hertz // 2, fft_samples // 2 + 1)
    return htk_bands(bins, spec.least_hertz, spec.most_hertz, spec.num_bands)
