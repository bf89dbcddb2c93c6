"""A context: hits become numbered passages, pictures and clips that fit a budget and can be cited. Pure.

Knows neither stores nor models nor files: what loads a picture or a clip is handed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, final

from commonspace.apps.rag.citation import Citation
from commonspace.apps.rag.overlap import Seen
from commonspace.apps.rag.tokens import Budget
from commonspace.core.modality import Modality
from commonspace.ingest.segments import passages as cuts
from commonspace.retrieve.hit import Hit

__all__ = ["Context", "LoadMedium", "Medium", "Part", "Passage", "composed_context", "seconds_of"]

QUOTE: Final = "> "
LEAST_CHARS: Final = 80
"""A passage that would have to be cut shorter than this is left out."""
CLIP_SECONDS: Final = 30.0
NO_SPAN: Final = float("inf")
KINDS: Final = {Modality.IMAGE: "image", Modality.AUDIO: "audio", Modality.VIDEO: "video"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """An encoded picture or sound, ready to be sent."""

    media_type: str
    data: bytes


LoadMedium = Callable[[Hit], Medium | None]
"""Fetches the picture, frame or clip of a hit; None where it is gone."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a prompt: text, or a medium that is loaded when ``load`` is called (None if it is gone)."""

    kind: str
    text: str = ""
    citation: Citation | None = None
    load: Callable[[], Medium | None] = field(default=lambda: None, compare=False)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One thing found: words (``kind`` text), or an ``image``, ``audio`` or ``video`` to be looked at or heard."""

    kind: str
    citation: Citation
    text: str
    num_tokens: int
    hit: Hit
    is_cut: bool = False

    @property
    def rendered(self) -> str:
        """The citation on one line; under it the words, each line quoted so that none can pass for anything else."""
        if self.kind != "text":
            return f"{self.citation.label} ({self.kind})"
        lines = self.text.splitlines() or [""]
        return "\n".join([self.citation.label, *(QUOTE + line for line in lines)])

    def to_dict(self) -> dict[str, Any]:
        """The passage as it stands in JSON answers."""
        return {
            "kind": self.kind,
            "citation": self.citation.to_dict(),
            "label": self.citation.label,
            "text": self.text,
            "num_tokens": self.num_tokens,
            "is_cut": self.is_cut,
            "score": round(self.hit.score, 6),
            "probability": None if self.hit.probability is None else round(self.hit.probability, 6),
            "good": self.hit.good,
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What to answer a question from. Passages of one item stand together, the item of the best hit first.

    ``num_tokens`` is at most ``budget_tokens``; ``num_left_out`` counts what was found and did not fit.
    """

    question: str
    passages: tuple[Passage, ...]
    num_tokens: int
    budget_tokens: int
    num_left_out: int
    load: LoadMedium = field(default=lambda _: None, compare=False, repr=False)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The citations, by number."""
        return tuple(passage.citation for passage in self.passages)

    def text(self) -> str:
        """Everything as text with numbered citations; pictures and clips are named only. Empty if nothing was found."""
        return "\n\n".join(passage.rendered for passage in self.passages)

    def parts(self) -> list[Part]:
        """Everything as typed parts: each medium after the text that numbers it, its bytes loaded on demand."""
        parts: list[Part] = []
        for passage in self.passages:
            parts.append(Part(kind="text", text=passage.rendered, citation=passage.citation))
            if passage.kind != "text":
                parts.append(self._medium_part(passage))
        return parts

    def medium(self, number: int) -> Medium | None:
        """The picture, frame or clip that a citation stands for; None for words, for an unknown number or if gone."""
        found = [passage.hit for passage in self.passages if passage.citation.number == number]
        return self.load(found[0]) if found else None

    def to_dict(self) -> dict[str, Any]:
        """The context as it stands in JSON answers."""
        return {
            "question": self.question,
            "budget_tokens": self.budget_tokens,
            "num_tokens": self.num_tokens,
            "num_left_out": self.num_left_out,
            "text": self.text(),
            "passages": [passage.to_dict() for passage in self.passages],
        }

    def _medium_part(self, passage: Passage) -> Part:
        return Part(kind=passage.kind, citation=passage.citation, load=lambda: self.load(passage.hit))


def composed_context(question: str, hits: Sequence[Hit], budget: Budget, load: LoadMedium = lambda _: None) -> Context:
    """Take hits, best first, as long as they fit: duplicates dropped, the last text cut at a sentence end.

    What does not fit is passed over and smaller things after it may still come in.
    """
    taken: list[Passage] = []
    seen = Seen()
    left_out = spent = 0
    for hit in hits:
        text = (hit.segment.text or "") if hit.segment else ""
        kind = "text" if text.strip() else KINDS.get(hit.modality)
        if kind is None or not seen.is_new(hit, text):
            continue
        passage = _fitted(kind, text.strip(), hit, budget, budget.tokens - spent)
        too_many = kind != "text" and sum(each.kind != "text" for each in taken) >= budget.most_media
        if passage is None or too_many:
            left_out += 1
            continue
        seen.add(hit, passage.text)
        spent += passage.num_tokens
        taken.append(passage)
    return _within(question, taken, budget, left_out, load)


def _fitted(kind: str, text: str, hit: Hit, budget: Budget, room: int) -> Passage | None:
    """The hit as a passage of at most ``room`` tokens, its text cut if need be; None if it cannot be."""
    citation = Citation.of(hit, 99)
    whole = _priced(Passage(kind=kind, citation=citation, text=text, num_tokens=0, hit=hit), budget)
    if whole.num_tokens <= room:
        return whole
    length = len(text)
    while kind == "text" and length > LEAST_CHARS:
        length = max(LEAST_CHARS, min(length * 3 // 4, length * max(room, 1) // whole.num_tokens))
        start, end = next(cuts(text, length))
        shorter = _priced(replace(whole, text=text[start:end], is_cut=True), budget)
        if shorter.num_tokens <= room:
            return shorter
    return None


def _priced(passage: Passage, budget: Budget) -> Passage:
    """The passage with what it costs, the blank line after it included."""
    cost = budget.count(passage.rendered + "\n\n")
    if passage.kind in ("image", "video"):
        cost += budget.image_tokens
    if passage.kind in ("audio", "video"):
        cost += round(budget.audio_tokens_per_second * seconds_of(passage.hit))
    return replace(passage, num_tokens=cost)


def seconds_of(hit: Hit) -> float:
    """How long the clip of a hit lasts, at most 30 seconds."""
    span = hit.segment.span if hit.segment else None
    if span is not None and span.start_seconds is not None and span.end_seconds is not None:
        return min(CLIP_SECONDS, span.end_seconds - span.start_seconds)
    known = hit.metadata.get("seconds")
    return min(CLIP_SECONDS, float(known)) if isinstance(known, int | float) else CLIP_SECONDS


def _within(question: str, taken: list[Passage], budget: Budget, left_out: int, load: LoadMedium) -> Context:
    """Numbered in reading order; the worst go while a counter that is not additive finds the whole too long."""
    while True:
        numbered = tuple(
            _priced(replace(passage, citation=replace(passage.citation, number=number)), budget)
            for number, passage in enumerate(_in_order(taken), start=1)
        )
        cost = sum(passage.num_tokens for passage in numbered)
        if cost <= budget.tokens or not taken:
            break
        taken = taken[:-1]
        left_out += 1
    return Context(
        question=question,
        passages=numbered,
        num_tokens=cost,
        budget_tokens=budget.tokens,
        num_left_out=left_out,
        load=load,
    )


def _in_order(taken: Sequence[Passage]) -> list[Passage]:
    """Items by their best hit; within one item by page, time and character. What a file holds counts as that file."""
    place: dict[str, int] = {}
    for passage in taken:
        place.setdefault(_file(passage), len(place))
    return sorted(taken, key=lambda passage: (place[_file(passage)], *_position(passage.citation)))


def _file(passage: Passage) -> str:
    return passage.citation.uri.partition("#")[0]


def _position(citation: Citation) -> tuple[float, float, float]:
    # Words that were read off a page have no characters of their own there: they come from top to bottom.
    top = citation.regions[0].top if citation.regions else None
    known = (citation.page, citation.start_seconds, top if citation.start_char is None else citation.start_char)
    return tuple(NO_SPAN if value is None else float(value) for value in known)  # type: ignore[return-value]
