"""Spoken words as text with their times: what a transcriber gives, whoever it is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from commonspace.core.item import Audio

__all__ = ["RATE_HERTZ", "Passage", "Transcriber", "Transcript", "at_speech_rate", "joined"]

RATE_HERTZ = 16_000

PASSAGE_SECONDS = 20.0
PAUSE_SECONDS = 2.0
LEAST_SECONDS = 2.0
"""A sentence of less says little by itself and takes the next one along."""
SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f][\"')\]\u201d\u2019\u300d]*$")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Words that were said between two moments, in seconds from the beginning of the sound."""

    text: str
    start_seconds: float
    end_seconds: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was said: the language (ISO 639-1), how sure that is (0 to 1), and passages in order; none for no speech."""

    language: str
    confidence: float
    passages: tuple[Passage, ...]


class Transcriber(Protocol):
    """Sound in, words out."""

    def transcribe(self, sound: Audio) -> Transcript:
        """Write down what is said in mono sound of 16 kHz.

        Raises:
            ItemError: this sound cannot be transcribed.
        """
        ...


def at_speech_rate(sound: Audio) -> Audio:
    """Mono sound as a transcriber takes it: at 16 kHz, whatever rate the space's own tower hears at."""
    if sound.rate == RATE_HERTZ:
        return sound
    import soxr

    return Audio(array=soxr.resample(np.asarray(sound.array, np.float32), sound.rate, RATE_HERTZ), rate=RATE_HERTZ)


def joined(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Neighbours put together into sentences, while they span at most ``PASSAGE_SECONDS`` and without a long pause.

    A sentence says what it says to a text tower, and points to its moment; more would point less exactly.
    """
    whole: list[Passage] = []
    for passage in passages:
        last = whole[-1] if whole else None
        if last is None or not _belongs(last, passage):
            whole.append(passage)
            continue
        text = f"{last.text} {passage.text}"
        whole[-1] = Passage(text=text, start_seconds=last.start_seconds, end_seconds=passage.end_seconds)
    return tuple(whole)


def _belongs(last: Passage, following: Passage) -> bool:
    said = SENTENCE_END.search(last.text) and last.end_seconds - last.start_seconds >= LEAST_SECONDS
    pause = following.start_seconds - last.end_seconds
    return not said and pause <= PAUSE_SECONDS and following.end_seconds - last.start_seconds <= PASSAGE_SECONDS
