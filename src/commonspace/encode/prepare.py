"""A source becomes features: decoded, split into pieces, made ready for the towers; picklable, loads no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from commonspace.core.errors import ItemError, UnsupportedModality
from commonspace.core.item import Audio, Content, Decoded, Embedded, Metadata, Row, Sheet, Span
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.sensing.telling import told
from commonspace.encode.tower import Features, Preparation
from commonspace.ingest.decode import Plan, decode, decode_value
from commonspace.ingest.source import ItemFailure, Source

__all__ = ["Prepared", "PreparedPiece", "Preparer", "nothing_to_embed"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedPiece:
    """Features for one vector; ``text`` keeps the passage that a text piece was made from."""

    modality: Modality
    features: Features
    span: Span | None
    text: str | None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """An item that only needs its towers. ``children`` are items found inside it (pictures in a PDF).

    ``sound`` is what was heard from ``sound_start_seconds`` on, in one piece, where the preparer was to keep it, and
    ``sheets`` are what there is to read off pixels, where its plan says to keep that.
    """

    uri: str
    name: str
    modality: Modality
    media_type: str
    content_hash: str
    num_bytes: int
    cost: int
    notes: tuple[str, ...]
    metadata: Metadata
    pieces: tuple[PreparedPiece, ...]
    children: tuple["Prepared", ...] = ()
    failures: tuple[ItemFailure, ...] = ()
    sound: Audio | None = None
    sound_start_seconds: float = 0.0
    sheets: tuple[Sheet, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Preparer:
    """Decodes and prepares one item at a time; safe to send to worker processes.

    With ``keep_sound`` an item brings its sound along, for what listens to more than a window of it. ``asking`` is
    what a query's content goes through, for modalities where that differs from what is stored.
    """

    space: Space
    plan: Plan
    preparations: Mapping[Modality, Preparation]
    keep_sound: bool = False
    asking: Mapping[Modality, Preparation] = field(default_factory=dict)

    def __call__(self, source: Source) -> Prepared:
        """Prepare one source and what it contains.

        Raises:
            ItemError: the source is at fault, or the space has no tower for it (``unsupported_modality``).
        """
        try:
            if source.asked and self.asking:
                return self.for_queries()(replace(source, asked=False))
            return self._prepared(source, decode(source, self.plan))
        except UnsupportedModality as error:
            raise ItemError(error.code, error.cause, fix=error.fix) from error

    def value(self, item: object) -> Prepared:
        """Prepare one Python value (str, path, bytes, picture, sound).

        Raises:
            ItemError: the value is at fault.
            UnsupportedModality: the space has no tower for it.
        """
        decoded = decode_value(item, self.plan)
        prepared = self._features(f"value:{decoded.content_hash}", "", decoded)
        if not prepared.pieces:
            raise nothing_to_embed(decoded.media_type)
        return prepared

    def for_queries(self) -> "Preparer":
        """The same, for what is searched with."""
        return replace(self, preparations={**self.preparations, **self.asking}) if self.asking else self

    def passage(self, text: str, span: Span) -> PreparedPiece:
        """Make words ready that were found in an item some other way (heard in it), with the stretch they are from."""
        features = self.preparations[Modality.TEXT](text)
        return PreparedPiece(modality=Modality.TEXT, features=features, span=span, text=text)

    def _prepared(self, source: Source, decoded: Decoded) -> Prepared:
        children, failures = [], []
        read = {sheet.page for sheet in decoded.sheets}
        for embedded in decoded.embedded:
            # A picture on a page that is read as a whole would say the same words twice.
            twice = embedded.span is not None and embedded.span.page in read
            plan = replace(self.plan, sheet_pixels=0) if twice else self.plan
            child = Source(uri=f"{source.uri}#{embedded.name}", name=embedded.name, origin=embedded.data)
            try:
                prepared = self._features(child.uri, child.name, decode(child, plan), within=embedded)
            except ItemError as error:
                failures.append(ItemFailure(uri=child.uri, name=child.name, error=error))
            else:
                children.append(prepared)
        return self._features(source.uri, source.name, decoded, children=tuple(children), failures=tuple(failures))

    def _features(
        self,
        uri: str,
        name: str,
        decoded: Decoded,
        *,
        within: Embedded | None = None,
        children: tuple[Prepared, ...] = (),
        failures: tuple[ItemFailure, ...] = (),
    ) -> Prepared:
        self.space.require(decoded.modality)
        pieces = tuple(
            PreparedPiece(
                modality=piece.modality,
                features=self.preparations[piece.modality](piece.content),
                span=within.span if within else piece.span,
                text=_words(piece.content),
            )
            for piece in decoded.pieces
            if piece.modality in self.preparations
        )
        return Prepared(
            uri=uri,
            name=name,
            modality=decoded.modality,
            media_type=decoded.media_type,
            content_hash=decoded.content_hash,
            num_bytes=decoded.num_bytes,
            cost=decoded.cost,
            notes=decoded.notes,
            metadata=decoded.metadata,
            pieces=pieces,
            children=children,
            failures=failures,
            sheets=decoded.sheets,
            **(_sound(decoded) if self.keep_sound else {}),
        )


def _words(content: Content) -> str | None:
    """What a piece says in words: a passage, or a row of a table; they are searched as keywords, too."""
    if isinstance(content, Row):
        return "; ".join(told(content))
    return content if isinstance(content, str) else None


def nothing_to_embed(media_type: str) -> ItemError:
    """The error of an item without a piece that has a vector."""
    return ItemError(
        "nothing_to_embed",
        f"This {media_type} holds nothing that has a vector of its own: no text, picture, sound, recording or row.",
        fix="Give the pictures or sounds in it one by one.",
    )


def _sound(decoded: Decoded) -> dict[str, Any]:
    """The windows of an item's sound put together again, and where they begin; nothing where there is no sound."""
    windows = [(piece.content, piece.span) for piece in decoded.pieces if isinstance(piece.content, Audio)]
    if not windows:
        return {}
    samples = np.concatenate([sound.array for sound, _ in windows])
    (first, span), *_ = windows
    start = span.start_seconds if span and span.start_seconds else 0.0
    return {"sound": Audio(array=samples, rate=first.rate), "sound_start_seconds": start}
