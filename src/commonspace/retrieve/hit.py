"""A hit: one item that answers a query, and the parts of it that answer best."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, final
from urllib.parse import unquote, urlsplit

from commonspace.core.item import Metadata, Span
from commonspace.core.modality import Modality
from commonspace.retrieve.explanation import Explanation

__all__ = ["Fold", "Folded", "Hit", "Segment"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a hit: which tower saw it, where it lies, its words if it is a passage, and what it scores itself."""

    modality: Modality
    span: Span
    text: str | None
    score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields that are set; times in seconds, pages from one, characters from zero, regions in shares."""
        score = None if self.score is None else round(self.score, 6)
        fields = {"modality": self.modality.value, **self.span.to_dict(), "text": self.text, "score": score}
        return {name: value for name, value in fields.items() if value is not None}


@final
class Fold(StrEnum):
    """Why an item is listed under another."""

    SAME_CONTENT = "same content"
    NEAR_DUPLICATE = "near duplicate"
    SAME_PARENT = "same parent"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """An item listed under a hit instead of beside it. ``likeness`` is its cosine to it, for near duplicates."""

    why: Fold
    id: str
    uri: str
    name: str
    modality: Modality
    score: float
    likeness: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The item as it stands in JSON answers."""
        return {
            "why": self.why.value,
            "id": self.id,
            "uri": self.uri,
            "name": self.name,
            "modality": self.modality.value,
            "score": round(self.score, 6),
            "likeness": None if self.likeness is None else round(self.likeness, 6),
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One item found. ``score`` is the dot product of unit vectors, less the item's bias: higher is better.

    ``probability`` says how likely the item is relevant, and ``good`` whether that is a good match; both are None where
    the space has no calibration for the query. Hits are ranked by probability (times the weight of their modality),
    else by score. ``segment`` is None when the hit is the whole item (a picture, a short sound); otherwise ``segments``
    are its best parts, the best first. ``folded`` are items that stand for the same, ``explanation`` is there if asked.
    """

    rank: int
    id: str
    uri: str
    name: str
    modality: Modality
    media_type: str
    score: float
    segment: Segment | None
    metadata: Metadata
    probability: float | None = None
    good: bool | None = None
    segments: tuple[Segment, ...] = ()
    folded: tuple[Folded, ...] = ()
    explanation: Explanation | None = None

    @property
    def is_speech(self) -> bool:
        """Whether words that are said in a sound or a video answer, not the sound or the picture itself."""
        spoken = self.modality in (Modality.AUDIO, Modality.VIDEO)
        return spoken and self.segment is not None and self.segment.modality is Modality.TEXT

    @property
    def is_read(self) -> bool:
        """Whether words that a reader found in a picture or on a scanned page answer."""
        return self.segment is not None and self.segment.span.confidence is not None

    @property
    def path(self) -> Path | None:
        """The file on this machine, if the item is one."""
        parts = urlsplit(self.uri)
        return Path(unquote(parts.path)) if parts.scheme == "file" and not parts.fragment else None

    def to_dict(self) -> dict[str, Any]:
        """The hit as it stands in JSON answers."""
        return {
            "rank": self.rank,
            "id": self.id,
            "uri": self.uri,
            "name": self.name,
            "modality": self.modality.value,
            "media_type": self.media_type,
            "score": round(self.score, 6),
            "probability": None if self.probability is None else round(self.probability, 6),
            "good": self.good,
            "segment": self.segment.to_dict() if self.segment else None,
            "segments": [segment.to_dict() for segment in self.segments],
            "folded": [folded.to_dict() for folded in self.folded],
            "metadata": self.metadata,
            "explanation": None if self.explanation is None else self.explanation.to_dict(),
        }
