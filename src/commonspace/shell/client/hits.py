"""Hits as a service tells them become hits as the library gives them."""

from collections.abc import Mapping
from typing import Any

from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.retrieve.explanation import Contribution, Explanation, Ranked, Unwanted, Words
from commonspace.retrieve.hit import Fold, Folded, Hit, Segment

__all__ = ["hit_of"]


def hit_of(told: Mapping[str, Any]) -> Hit:
    """One hit of an answer; what an older service does not tell is empty."""
    segment, explanation = told.get("segment"), told.get("explanation")
    return Hit(
        rank=told["rank"],
        id=told["id"],
        uri=told["uri"],
        name=told["name"],
        modality=Modality(told["modality"]),
        media_type=told["media_type"],
        score=told["score"],
        segment=_segment(segment) if segment else None,
        metadata=dict(told.get("metadata") or {}),
        probability=told.get("probability"),
        good=told.get("good"),
        segments=tuple(_segment(each) for each in told.get("segments") or ()),
        folded=tuple(_folded(each) for each in told.get("folded") or ()),
        explanation=_explanation(explanation) if explanation else None,
    )


def _segment(told: Mapping[str, Any]) -> Segment:
    return Segment(
        modality=Modality(told["modality"]), span=Span.of(told), text=told.get("text"), score=told.get("score")
    )


def _folded(told: Mapping[str, Any]) -> Folded:
    return Folded(
        why=Fold(told["why"]),
        id=told["id"],
        uri=told["uri"],
        name=told["name"],
        modality=Modality(told["modality"]),
        score=told["score"],
        likeness=told.get("likeness"),
    )


def _explanation(told: Mapping[str, Any]) -> Explanation:
    words = told.get("words")
    plain = {name: told[name] for name in PLAIN if name in told}
    return Explanation(
        **plain,
        parts=tuple(Contribution(**each) for each in told["parts"]),
        ranked_by=Ranked(told["ranked_by"]),
        words=None if words is None else Words(**_tuples(words)),
        unwanted=tuple(Unwanted(**_tuples(each)) for each in told.get("unwanted") or ()),
    )


PLAIN = tuple(
    name for name in Explanation.__dataclass_fields__ if name not in {"parts", "ranked_by", "words", "unwanted"}
)


def _tuples(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
