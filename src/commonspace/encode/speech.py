"""Spoken words as text with their times: what a transcriber gives, whoever it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

from commonspace.core.item import Audio

__all__ = ["Passage", "Transcriber", "Transcript", "joined"]

PASSAGE_SECONDS = 20.0
PAUSE_SECONDS = 2.0


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


def joined(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Neighbours put together while they span at most ``PASSAGE_SECONDS`` and no long pause lies between them.

    Longer passages say more to a text tower; shorter ones point more exactly.
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
    pause = following.start_seconds - last.end_seconds
    return pause <= PAUSE_SECONDS and following.end_seconds - last.start_seconds <= PASSAGE_SECONDS
