"""How a hit came by its place: what every part, word and weight contributed, so that the sum can be checked."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, final

__all__ = ["Contribution", "Explanation", "Ranked", "Unwanted", "Words"]


@final
class Ranked(StrEnum):
    """What hits are ranked by: ``worth`` is in this."""

    PROBABILITY = "probability"
    SCORE = "score"
    RECIPROCAL_RANK = "reciprocal rank"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One wanted part: its cosine to the best segment times its ``share`` of the query's vector is what it ``adds``."""

    part: str
    modality: str
    weight: float
    cosine: float
    share: float
    adds: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The query's words that stand in the item and those that do not, its rank by BM25, and what that ``adds``.

    ``adds`` is in log-odds, or to the worth where that is of reciprocal ranks.
    """

    words: tuple[str, ...]
    missing: tuple[str, ...]
    bm25: float
    rank: int
    adds: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Unwanted:
    """One unwanted part: its likeness to the best segment, its words that stand there, and what that ``takes``.

    ``takes`` is in log-odds, or in score where there are no probabilities.
    """

    part: str
    weight: float
    likeness: float
    words: tuple[str, ...]
    takes: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The arithmetic of one hit.

    ``score`` is the sum of what the parts add, less ``bias``. Where there are probabilities, ``log_odds`` is the
    score read by its direction, plus what words add, less what unwanted parts take; ``probability`` is that
    as a probability, and ``worth`` that times ``modality_weight``. ``reranked_from`` is the place before re-ranking.
    """

    parts: tuple[Contribution, ...]
    bias: float
    score: float
    ranked_by: Ranked
    worth: float
    words: Words | None = None
    unwanted: tuple[Unwanted, ...] = ()
    log_odds: float | None = None
    probability: float | None = None
    modality_weight: float = 1.0
    reranked_from: int | None = None
    reranker_score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The explanation as it stands in JSON answers; numbers to a millionth."""
        told: dict[str, Any] = _rounded(asdict(self))
        return told

    def lines(self) -> list[str]:
        """The explanation as a person reads it, a line a contribution."""
        lines = [f"{each.part}: cosine {each.cosine:.3f} x {each.share:.3f} = {each.adds:+.3f}" for each in self.parts]
        if self.bias:
            lines.append(f"hub bias: {-self.bias:+.3f}")
        lines.append(f"score: {self.score:.3f}")
        if self.words is not None:
            lines.append(self._words_line(self.words))
        lines += [
            f"not {each.part}: likeness {each.likeness:.3f}{_standing(each.words)}: {-each.takes:+.3f}"
            for each in self.unwanted
        ]
        if self.log_odds is not None and self.probability is not None:
            lines.append(f"log-odds {self.log_odds:+.3f}: probability {self.probability:.3f}")
        if self.modality_weight != 1.0:
            lines.append(f"weight of its modality: x {self.modality_weight:g}")
        lines.append(f"ranked by {self.ranked_by.value}: {self.worth:.4g}")
        if self.reranked_from is not None:
            lines.append(f"re-ranked from place {self.reranked_from}: {self.reranker_score:.3f}")
        return lines

    @staticmethod
    def _words_line(words: Words) -> str:
        missing = f", not {', '.join(words.missing)}" if words.missing else ""
        return (
            f"words: {', '.join(words.words)}{missing} (BM25 {words.bm25:.2f}, place {words.rank}): {words.adds:+.3f}"
        )


def _standing(words: tuple[str, ...]) -> str:
    return f", words {', '.join(words)}" if words else ""


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_rounded(each) for each in value]
    return value
