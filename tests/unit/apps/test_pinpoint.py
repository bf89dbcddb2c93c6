"""A passage is searched whole; which of its sentences answers is found afterwards, with its characters."""

from collections.abc import Sequence

import numpy as np

from commonspace.apps.pinpoint import pinpoint
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.retrieve.hit import Segment
from tests.fakes import fake_embedder

TEXT = "Cows are in the meadow.\nThe train leaves at ten, e.g. today. It rains!"
WANTED = "The train leaves at ten, e.g. today."


def segment(text: str | None, span: Span) -> Segment:
    return Segment(modality=Modality.TEXT, span=span, text=text, score=0.25)


def test_the_best_sentence_is_named_with_its_characters() -> None:
    embedder = fake_embedder()

    best = pinpoint(
        embedder.query(WANTED), segment(TEXT, Span(page=3, start_char=100, end_char=100 + len(TEXT))), embedder.embed
    )

    assert best.text == WANTED
    assert (best.span.page, best.span.start_char, best.span.end_char) == (3, 124, 124 + len(WANTED))
    assert best.score is not None
    assert np.isclose(best.score, 1.0, atol=1e-5)


def test_words_that_were_heard_keep_their_time() -> None:
    embedder, span = fake_embedder(), Span(start_seconds=2.0, end_seconds=9.0)

    assert pinpoint(embedder.query(WANTED), segment(TEXT, span), embedder.embed).span == span


def test_what_is_one_sentence_or_no_text_is_left_as_it_is() -> None:
    def embed(_: Sequence[object]) -> Vectors:
        raise AssertionError("nothing to compare")

    query = fake_embedder().query(WANTED)
    for text in (WANTED, None):
        one = segment(text, Span(start_char=0, end_char=40))
        assert pinpoint(query, one, embed) is one
