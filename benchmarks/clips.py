"""Clips with known moments: shots of free pictures, in each of which one sentence is spoken.

``clips.tsv`` holds pictures and sentences, with the words that ask for each. Every picture and every sentence comes in
several clips, but only once together: who knows both knows one moment.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samples.make.demo import speech
from samples.make.film import Scene, write_film
from samples.make.sounds import RATE_HZ

__all__ = ["Clip", "Shot", "Subject", "make_clips", "subjects"]

TABLE = Path(__file__).with_name("clips.tsv")
PICTURES = Path(__file__).parents[1] / "samples" / "media" / "images"
Samples = NDArray[np.float32]
LEAST_SECONDS, MOST_PAUSE_SECONDS = 4.0, 3.0
STEPS = (0, 5, 11, 17)
"""A picture's sentences, as distances in the table; all differ, so that no pair comes twice."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One row of the table: a picture and what asks for it, a sentence and what asks for it."""

    picture: str
    seen: str
    words: str
    said: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One shot of a clip: the rows of its picture and its sentence, and where it lies."""

    picture: int
    sentence: int
    start_seconds: float
    end_seconds: float
    speech_seconds: float
    """When the sentence begins, from the beginning of the clip."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One file and its shots in order."""

    path: Path
    shots: tuple[Shot, ...]


def subjects() -> tuple[Subject, ...]:
    """The table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(Subject(**row) for row in csv.DictReader(file, delimiter="\t"))


def make_clips(folder: Path, *, num_clips: int, seed: int) -> tuple[Clip, ...]:
    """Write clips of three to five shots of four seconds and more; needs ``espeak-ng`` on the path.

    Pictures move slowly; a sentence begins up to a second after its shot; shots end up to three seconds after it.
    """
    rng = np.random.default_rng(seed)
    table = subjects()
    pairs = [(row, (row + step) % len(table)) for step in STEPS for row in range(len(table))]
    order = [pairs[place] for place in rng.permutation(len(pairs))]
    spoken = {row: _trimmed(speech(subject.words)) for row, subject in enumerate(table)}
    clips = []
    for number in range(num_clips):
        chosen = [order.pop() for _ in range(min(len(order), (4, 3, 5)[number % 3]))]
        clips.append(_clip(folder / f"clip-{number:02}.mp4", chosen, table, spoken, rng))
    return tuple(clips)


def _clip(
    path: Path,
    pairs: list[tuple[int, int]],
    table: tuple[Subject, ...],
    spoken: dict[int, Samples],
    rng: np.random.Generator,
) -> Clip:
    shots, scenes, now = [], [], 0.0
    for picture, sentence in pairs:
        scene, lead = _scene(table[picture].picture, spoken[sentence], rng)
        seconds = scene.seconds
        scenes.append(scene)
        shots.append(
            Shot(
                picture=picture,
                sentence=sentence,
                start_seconds=round(now, 3),
                end_seconds=round(now + seconds, 3),
                speech_seconds=round(now + lead, 3),
            )
        )
        now += seconds
    write_film(path, tuple(scenes), quick=True)
    return Clip(path=path, shots=tuple(shots))


def _scene(picture: str, words: Samples, rng: np.random.Generator) -> tuple[Scene, float]:
    """One shot, and how many seconds after its beginning its sentence begins."""
    lead = float(rng.uniform(0.2, 1.0))
    pause = float(rng.uniform(0.4, MOST_PAUSE_SECONDS))
    seconds = round(max(LEAST_SECONDS, lead + len(words) / RATE_HZ + pause), 1)
    sound = rng.normal(0, 1e-4, round(seconds * RATE_HZ)).astype(np.float32)
    first = round(lead * RATE_HZ)
    sound[first : first + len(words)] += words
    return Scene(still=Image.open(PICTURES / picture).convert("RGB"), sound=sound, seconds=seconds), lead


def _trimmed(sound: Samples) -> Samples:
    """A sentence without the silence around it."""
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    trimmed: Samples = sound[loud[0] : loud[-1] + 1]
    return trimmed
