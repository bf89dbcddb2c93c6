"""What a load consists of: shots drawn from a mix, each with items of one modality that nobody has sent before.

The media are made in memory from a seed: texts of common words, photographs as JPEG, sounds as WAV. A few are made in
full, and each shot gets one with a number of its own written into it, so that no cache answers and the making of media
takes no part in what is measured.
"""

import io
import struct
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality

__all__ = ["Mix", "Recipe", "Shot", "Traffic"]

SAID: Final = """
a the of on in at with under near behind old young red green small large quiet loud wet dry dog cat bird horse
child woman man street river mountain forest kitchen window train boat bicycle guitar piano rain snow wind fire
morning evening runs sleeps sings waits falls turns plays reads paints carries opens closes breaks shines sounds
"""
WORDS: Final = tuple(SAID.split())
MASTERS: Final = 16
MODALITIES: Final = (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How often each modality is asked for; the shares add up to one."""

    shares: Mapping[Modality, float]

    @classmethod
    def parse(cls, text: str) -> "Mix":
        """``text=0.8,image=0.15,audio=0.05``; shares are scaled to add up to one.

        Raises:
            UsageError: a modality or a share is none.
        """
        shares: dict[Modality, float] = {}
        for part in text.split(","):
            name, _, share = part.partition("=")
            try:
                modality, amount = Modality(name.strip()), float(share or 1)
            except ValueError as error:
                raise _odd(text) from error
            if modality not in MODALITIES or not 0 <= amount < float("inf"):
                raise _odd(text)
            shares[modality] = shares.get(modality, 0.0) + amount
        total = sum(shares.values())
        if not total > 0:
            raise _odd(text)
        return cls(shares={modality: share / total for modality, share in shares.items() if share})

    def __str__(self) -> str:
        return ",".join(f"{modality}={share:g}" for modality, share in self.shares.items())


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How large the items are: words a text, the sides of a picture in pixels, seconds of a sound."""

    words: tuple[int, int] = (4, 24)
    image_size: tuple[int, int] = (640, 480)
    audio_seconds: float = 5.0
    audio_rate: int = 16_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One request to be made: its number, the modality of its items, and the items (a text, or encoded media)."""

    number: int
    modality: Modality
    items: tuple[str | bytes, ...]
    urgency: str = ""


@final
class Traffic:
    """Shots without end, the same for the same seed; the n-th shot is the n-th that is asked for."""

    def __init__(self, mix: Mix, *, batch: int = 1, seed: int = 0, recipe: Recipe | None = None) -> None:
        self._mix = mix
        self._batch = batch
        self._recipe = recipe or Recipe()
        self._random = np.random.default_rng(seed)
        self._salt = seed
        self._number = 0
        self._items = 0
        makers = {Modality.IMAGE: self._picture, Modality.AUDIO: self._sound}
        self._masters = {each: [makers[each]() for _ in range(MASTERS)] for each in mix.shares if each in makers}

    def shot(self, urgency: str = "") -> Shot:
        """The next shot."""
        modalities = list(self._mix.shares)
        place = int(self._random.choice(len(modalities), p=list(self._mix.shares.values())))
        modality = modalities[place]
        items = tuple(self._item(modality) for _ in range(self._batch))
        self._number += 1
        return Shot(number=self._number - 1, modality=modality, items=items, urgency=urgency)

    def _item(self, modality: Modality) -> str | bytes:
        self._items += 1
        if modality == Modality.TEXT:
            return self._text()
        masters = self._masters[modality]
        master = masters[self._items % len(masters)]
        return numbered(master, self._salt << 40 | self._items)

    def _text(self) -> str:
        low, high = self._recipe.words
        words = self._random.choice(WORDS, size=int(self._random.integers(low, high + 1)))
        return f"{' '.join(words)} {self._items}"

    def _picture(self) -> bytes:
        """A picture as smooth and as noisy as a photograph, so that decoding it costs what a photograph costs."""
        from PIL import Image

        width, height = self._recipe.image_size
        coarse = self._random.integers(0, 256, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
        noise = self._random.normal(0.0, 6.0, smooth.shape)
        pixels = np.clip(smooth + noise, 0, 255).astype(np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "JPEG", quality=85)
        return out.getvalue()

    def _sound(self) -> bytes:
        rate, seconds = self._recipe.audio_rate, self._recipe.audio_seconds
        time: NDArray[np.float64] = np.arange(int(rate * seconds)) / rate
        tones = sum(np.sin(2 * np.pi * self._random.uniform(80, 3000) * time) for _ in range(4))
        samples = 0.15 * tones + self._random.normal(0.0, 0.02, len(time))
        out = io.BytesIO()
        with wave.open(out, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(rate)
            sound.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        return out.getvalue()


def numbered(data: bytes, number: int) -> bytes:
    """The same medium with a number in it: a comment in a JPEG, the last samples of a WAV."""
    mark = struct.pack("<Q", number & 0xFFFFFFFFFFFFFFFF)
    if data.startswith(b"\xff\xd8"):
        return data[:2] + b"\xff\xfe" + struct.pack(">H", 2 + len(mark)) + mark + data[2:]
    return data[: -len(mark)] + mark


def _odd(text: str) -> UsageError:
    known = ", ".join(modality.value for modality in MODALITIES)
    return UsageError(
        f"'{text}' is no mix of {known}.",
        fix="Write it as text=0.8,image=0.15,audio=0.05, with shares of zero or more.",
    )
