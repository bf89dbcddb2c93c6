"""Somebody else's encoder fills a space whose vectors are of length one, or says what is wrong with it."""

import numpy as np
import pytest

from commonspace.core.errors import ModelError, UnsupportedModality
from commonspace.core.item import Audio
from commonspace.encode.given import given_embedder


def lengths(texts: list[str]) -> list[list[float]]:
    return [[float(len(text)), 3.0] for text in texts]


def test_texts_are_embedded_whole_and_scaled_to_length_one() -> None:
    embedder = given_embedder("lengths", 2, lengths)
    long = "A sentence. " * 1000

    vectors = embedder.embed(["four", long])

    assert vectors.dtype == np.float32
    assert vectors[0] == pytest.approx([0.8, 0.6])
    assert vectors[1] == pytest.approx([1.0, 0.0], abs=1e-3)


def test_the_space_is_known_by_name_and_dimension() -> None:
    space = given_embedder("lengths", 2, lengths).space

    assert space == given_embedder("lengths", 2, lambda texts: lengths(texts)[::-1]).space
    assert space.fingerprint != given_embedder("other", 2, lengths).space.fingerprint
    assert space.fingerprint != given_embedder("lengths", 3, lengths).space.fingerprint


@pytest.mark.parametrize(
    "answer", [[[1.0]], [[1.0, 2.0], [1.0, 2.0]], [[0.0, 0.0]], [[np.nan, 1.0]], [[np.inf, 1.0]]], ids=str
)
def test_an_answer_that_is_no_vector_a_text_is_refused(answer: list[list[float]]) -> None:
    with pytest.raises(ModelError, match="'odd'"):
        given_embedder("odd", 2, lambda _: answer).embed(["one"])


def test_it_takes_nothing_but_text() -> None:
    with pytest.raises(UnsupportedModality):
        given_embedder("lengths", 2, lengths).embed([Audio(np.zeros(16000, dtype=np.float32), 16000)])
