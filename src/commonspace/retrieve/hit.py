"""A hit: one item that answers a query, and the part of it that answers best."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final
from urllib.parse import unquote, urlsplit

from commonspace.core.item import Metadata, Span
from commonspace.core.modality import Modality

__all__ = ["Hit", "Segment"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The best part of a hit: which tower saw it, where it lies, and its words if it is a passage."""

    modality: Modality
    span: Span
    text: str | None

    def to_dict(self) -> dict[str, Any]:
        """The fields that are set; times in seconds, pages from one, characters from zero."""
        fields = {"modality": self.modality.value, **asdict(self.span), "text": self.text}
        return {name: value for name, value in fields.items() if value is not None}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One item found. ``score`` is the dot product of unit vectors, less the item's bias: higher is better.

    ``probability`` says how likely the item is relevant, and ``good`` whether that is a good match; both are None where
    the space has no calibration for the query. Hits are ranked by probability (times the weight of their modality),
    else by score. ``segment`` is None when the hit is the whole item (a picture, a short sound).
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

    @property
    def is_speech(self) -> bool:
        """Whether words that are said in a sound or a video answer, not the sound or the picture itself."""
        spoken = self.modality in (Modality.AUDIO, Modality.VIDEO)
        return spoken and self.segment is not None and self.segment.modality is Modality.TEXT

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
            "metadata": self.metadata,
        }
