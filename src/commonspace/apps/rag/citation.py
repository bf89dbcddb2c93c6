"""A citation: which item a passage is from, and where in it, so that a person can check it."""

from dataclasses import dataclass
from math import ceil
from typing import Any, Self, final
from urllib.parse import unquote, urlsplit

from commonspace.core.item import Region
from commonspace.core.modality import Modality
from commonspace.ingest.source import printable
from commonspace.retrieve.hit import Hit

__all__ = ["Citation"]

MOST_NAME_CHARS = 120
MINUTE = 60


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The source of one passage. Pages from one, times in seconds, characters from zero; only what is known is set.

    ``regions`` are the boxes of its words on the page or in the picture; ``confidence`` is of words read off pixels.
    """

    number: int
    id: str
    uri: str
    name: str
    modality: Modality
    media_type: str
    page: int | None = None
    heading: str | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None
    start_char: int | None = None
    end_char: int | None = None
    regions: tuple[Region, ...] = ()
    confidence: float | None = None

    @classmethod
    def of(cls, hit: Hit, number: int) -> Self:
        """The citation of what a hit found."""
        span = hit.segment.span if hit.segment else None
        return cls(
            number=number,
            id=hit.id,
            uri=hit.uri,
            name=_name(hit),
            modality=hit.modality,
            media_type=hit.media_type,
            page=span.page if span else None,
            heading=span.heading if span else None,
            start_seconds=span.start_seconds if span else None,
            end_seconds=span.end_seconds if span else None,
            start_char=span.start_char if span else None,
            end_char=span.end_char if span else None,
            regions=span.regions if span else (),
            confidence=span.confidence if span else None,
        )

    @property
    def label(self) -> str:
        """How it reads: ``[2] guide.pdf, page 3, Feeding``, ``[3] call.wav, 0:12-0:20``; always one line."""
        return f"[{self.number}] {self.place}"

    @property
    def place(self) -> str:
        """The label without its number."""
        parts = [self.name]
        if self.page is not None:
            parts.append(f"page {self.page}")
        if self.heading:
            parts.append(printable(" ".join(self.heading.split()))[:MOST_NAME_CHARS])
        if self.start_seconds is not None:
            parts.append(_stretch(self.start_seconds, self.end_seconds))
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """The fields that are set, as they stand in JSON answers and in frameworks' metadata."""
        fields = {
            "number": self.number,
            "id": self.id,
            "uri": self.uri,
            "name": self.name,
            "modality": self.modality.value,
            "media_type": self.media_type,
            "page": self.page,
            "heading": self.heading,
            "start_seconds": self.start_seconds,
            "end_seconds": self.end_seconds,
            "start_char": self.start_char,
            "end_char": self.end_char,
            "regions": [region.to_dict() for region in self.regions] or None,
            "confidence": self.confidence,
        }
        return {name: value for name, value in fields.items() if value is not None}


def _name(hit: Hit) -> str:
    """The item's name on one line; what was found inside a file goes by the file's name too."""
    parts = urlsplit(hit.uri)
    inside = parts.scheme == "file" and parts.fragment
    name = f"{unquote(parts.path).rpartition('/')[2]}: {hit.name}" if inside else hit.name
    return printable(name)[:MOST_NAME_CHARS]


def _stretch(start: float, end: float | None) -> str:
    first, last = _clock(start), None if end is None else _clock(ceil(end))
    return first if last in (None, first) else f"{first}-{last}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), MINUTE)
    hours, minutes = divmod(minutes, MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
