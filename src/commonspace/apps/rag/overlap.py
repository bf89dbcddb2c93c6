"""Which hits say what another has said already: the same words, or mostly the same."""

from typing import Final, final

from commonspace.core.item import Span
from commonspace.retrieve.hit import Hit

__all__ = ["Seen"]

SHINGLE_WORDS: Final = 4
SHARE_THAT_IS_THE_SAME: Final = 0.8
Place = tuple[str, Span | None]


@final
class Seen:
    """What a context holds so far. Cost O(words) a hit and passage held."""

    def __init__(self) -> None:
        self._places: set[Place] = set()
        self._shingles: list[frozenset[tuple[str, ...]]] = []

    def is_new(self, hit: Hit, text: str) -> bool:
        """Whether a hit adds anything: another place, and words of which a fifth or more were not said before."""
        if _place(hit) in self._places:
            return False
        own = _shingles(text)
        return not own or all(len(own & other) < SHARE_THAT_IS_THE_SAME * len(own) for other in self._shingles)

    def add(self, hit: Hit, text: str) -> None:
        """Remember what a hit said."""
        self._places.add(_place(hit))
        if text:
            self._shingles.append(_shingles(text))


def _place(hit: Hit) -> Place:
    return hit.uri, hit.segment.span if hit.segment else None


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = text.casefold().split()
    count = max(1, len(words) - SHINGLE_WORDS + 1)
    return frozenset(tuple(words[at : at + SHINGLE_WORDS]) for at in range(count)) if words else frozenset()
