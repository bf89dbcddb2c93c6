"""The sentence of a passage that answers best, found when somebody asks for it: passages are searched whole."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from commonspace.core.item import Span
from commonspace.core.vectors import Vectors
from commonspace.encode.embedder import Embedding
from commonspace.ingest.segments import sentences
from commonspace.retrieve.hit import Segment

__all__ = ["MOST_SENTENCES", "pinpoint"]

MOST_SENTENCES = 64
"""So many of a passage's sentences are compared; passages of the usual length have about ten."""


def pinpoint(query: Embedding, segment: Segment, embed: Callable[[Sequence[object]], Vectors]) -> Segment:
    """A passage narrowed down to its best sentence: its text, its own score (a dot product) and its characters.

    Times, page and heading stay the passage's. What has no text, or is one sentence, is left as it is.
    """
    if segment.text is None:
        return segment
    spans = list(sentences(segment.text))[:MOST_SENTENCES]
    if len(spans) < 2:
        return segment
    scores = embed([segment.text[start:end] for start, end in spans]) @ query.vector
    best = int(np.argmax(scores))
    start, end = spans[best]
    return replace(
        segment, text=segment.text[start:end], score=float(scores[best]), span=_within(segment.span, start, end)
    )


def _within(span: Span, start: int, end: int) -> Span:
    """Characters of the passage as characters of its page or text; words that were heard have none."""
    if span.start_char is None:
        return span
    return replace(span, start_char=span.start_char + start, end_char=span.start_char + end)
