"""Every recording at hand, each on the side that the corpus puts it: what is held out there is not heard here."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import blake3
import numpy as np
from numpy.typing import NDArray

from recipes.corpus.record import POOL
from recipes.nano.audio.corpus import Decoded, Recording
from recipes.nano.audio.synthesis import NUMPY_MAKERS, music_clips, speech_clips

__all__ = ["OWN", "Library", "own_sounds"]

OWN = "own-synthesis"
OWN_LICENCES = (
    "Apache-2.0 (made by this recipe)",
    "MIT (phrases played on FluidR3 GM, package fluid-soundfont-gm)",
    "speech spoken by eSpeak NG (GPL-3.0-or-later program)",
)
CLIPS_A_MAKER = 12
MUSIC_CLIPS = 176
LEARNT = frozenset({"train", POOL})
HELD_OUT = "held-out"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Library:
    """Recordings in a fixed order; ``split`` holds train, valid, test or held-out for each."""

    recordings: tuple[Recording, ...]
    samples: tuple[NDArray[np.int16], ...]
    split: tuple[str, ...]

    @classmethod
    def gather(cls, packages: Sequence[Decoded], sides: Mapping[str, str]) -> "Library":
        """Join packages, the first of recordings with the same bytes; ``sides`` map SHA-256 to the corpus's split."""
        seen: set[str] = set()
        recordings: list[Recording] = []
        samples: list[NDArray[np.int16]] = []
        for package in packages:
            for recording in package.recordings:
                if recording.blake3 not in seen:
                    seen.add(recording.blake3)
                    recordings.append(recording)
                    samples.append(package.samples[recording.start : recording.start + recording.length])
        split = tuple(_side(sides.get(item.sha256)) for item in recordings)
        return cls(recordings=tuple(recordings), samples=tuple(samples), split=split)

    def sound(self, number: int) -> NDArray[np.float32]:
        """One recording's samples, as floats."""
        return self.samples[number].astype(np.float32) / np.float32(32767.0)

    def offered(self) -> list[int]:
        """The numbers of the recordings that the teacher may hear."""
        return [number for number, split in enumerate(self.split) if split != HELD_OUT]

    def keys(self, split: str) -> NDArray[np.int64]:
        """The keys of the recordings in ``split``."""
        chosen = [item.key for item, its in zip(self.recordings, self.split, strict=True) if its == split]
        return np.array(chosen, dtype=np.int64)


def _side(split: str | None) -> str:
    return "train" if split in LEARNT else split if split in {"valid", "test"} else HELD_OUT


def own_sounds(folder: Path, soundfont: Callable[[], Path], seed: int) -> Decoded:
    """Make the synthetic recordings, or read them from ``folder``; ``soundfont`` is asked for only to make them."""
    cache = folder / f"{OWN}.npz"
    if not cache.exists():
        rng = np.random.default_rng(seed)
        clips = [(f"{name}-{i}", make(rng)) for name, make in NUMPY_MAKERS.items() for i in range(CLIPS_A_MAKER)]
        clips += [(f"speech-{name}", sound) for name, sound in speech_clips(rng)]
        clips += list(music_clips(rng, soundfont(), MUSIC_CLIPS))
        sounds = [np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16) for _, sound in clips]
        lengths = np.array([sound.size for sound in sounds])
        np.savez(cache, names=np.array([name for name, _ in clips]), lengths=lengths, samples=np.concatenate(sounds))
    with np.load(cache) as held:
        names, lengths, samples = held["names"], held["lengths"], held["samples"]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    recordings = tuple(
        Recording(
            package=OWN,
            path=str(name),
            blake3=blake3.blake3(samples[start : start + length].tobytes()).hexdigest(),
            sha256=hashlib.sha256(samples[start : start + length].tobytes()).hexdigest(),
            start=int(start),
            length=int(length),
        )
        for name, start, length in zip(names, starts, lengths, strict=True)
    )
    return Decoded(
        package=OWN, version="1", licences=OWN_LICENCES, copyright_text="", recordings=recordings, samples=samples
    )
