"""What a query's words match in names, passages and transcripts: evidence beside the vectors."""

import re
from dataclasses import dataclass
from typing import Final, final

from commonspace.index.filters import And, Compare, Filter, Op
from commonspace.index.word_match import words_in
from commonspace.retrieve.candidates import Looking
from commonspace.retrieve.ranking import Ranking

__all__ = ["KeywordMatch", "coverage", "keyword_matches", "telling_words"]

KEYWORD_POOL: Final = 100
MOST_WORDS: Final = 32
_WORD: Final = re.compile(r"\w+")
_SAYING_LITTLE: Final = """
a an and are as at be by for from has have he her his i in into is it its me my no not of on or our she so that
the their them then there these they this to us was we were what where which who will with you your
"""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordMatch:
    """What words of the query stand in an item, and how BM25 ranked it among the items with words of the query."""

    words: tuple[str, ...]
    missing: tuple[str, ...]
    bm25: float
    rank: int

    @property
    def coverage(self) -> float:
        """The share of the query's words that stand there, 0 to 1."""
        return len(self.words) / (len(self.words) + len(self.missing))


def telling_words(text: str) -> tuple[str, ...]:
    """The different words of a text, in order, without those that say little; at most ``MOST_WORDS``."""
    little = set(_SAYING_LITTLE.split())
    words = dict.fromkeys(word for word in _WORD.findall(text.lower()) if word not in little)
    return tuple(words)[:MOST_WORDS]


def keyword_matches(looking: Looking) -> dict[str, KeywordMatch]:
    """The items that match best by BM25, by id, each with its best segment's words; at most ``KEYWORD_POOL``."""
    words = telling_words(looking.asked.words)
    if not words:
        return {}
    found = looking.store.match(" ".join(words), k=KEYWORD_POOL, where=_wanted(looking.ranking))
    standing = words_in(words, [f"{hit.item.name}\n{hit.text or ''}" for hit in found])
    matches: dict[str, KeywordMatch] = {}
    for hit, there in zip(found, standing, strict=True):
        known = matches.get(hit.item.id)
        if there and (known is None or len(there) > len(known.words)):
            matches[hit.item.id] = KeywordMatch(
                words=there,
                missing=tuple(word for word in words if word not in there),
                bm25=hit.score if known is None else known.bm25,
                rank=len(matches) + 1 if known is None else known.rank,
            )
    return matches


def _wanted(ranking: Ranking) -> Filter | None:
    """The filter with the modality in it, so that the best of that modality are found however many others match."""
    if ranking.modality is None:
        return ranking.where
    only = Compare(field="modality", op=Op.EQUAL, value=ranking.modality.value)
    return only if ranking.where is None else And(parts=(ranking.where, only))


def coverage(words: tuple[str, ...], there: tuple[str, ...]) -> float:
    """The share of some words that stand somewhere; zero of no words."""
    return len(there) / len(words) if words else 0.0
