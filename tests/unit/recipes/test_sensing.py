"""Made recordings are what they are said to be, and what judges them was never learned from."""

from itertools import chain

import numpy as np
import pytest

import commonspace
from benchmarks.tables import Question
from commonspace.core.item import Row
from commonspace.ingest.decode import Plan, decode_value
from recipes.nano.sensing.concepts import Concept
from recipes.nano.sensing.head import learn, lessons, said, tower_of
from recipes.nano.sensing.recordings import CONCEPTS, STRANGERS, captions, made

FEW = [concept for concept in CONCEPTS if concept.key in {"running", "resting", "fridge", "heart", "sunrise"}]


def test_concepts_have_keys_and_words_of_their_own() -> None:
    keys = [concept.key for concept in CONCEPTS]
    words = list(chain.from_iterable(concept.words for concept in CONCEPTS))

    assert len(set(keys)) == len(keys)
    assert len(set(words)) == len(words)
    assert set(keys) >= STRANGERS


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda concept: concept.key)
def test_a_recording_is_finite_varies_and_comes_again_from_its_seed(concept: Concept) -> None:
    first, again = (next(made(concept, 1, seed=3, learned=True)).trace for _ in range(2))
    other = next(made(concept, 1, seed=4, learned=True)).trace

    assert np.isfinite(first.array).all()
    assert (first.array.std(axis=0) > 0).all()
    assert len(decode_value(first, Plan()).pieces) == 1
    np.testing.assert_array_equal(first.array, again.array)
    assert first.array.shape != other.array.shape or not np.array_equal(first.array, other.array)


def test_what_judges_has_words_and_rates_that_nothing_learned_from() -> None:
    for concept in CONCEPTS:
        assert not set(captions(concept, learned=True)) & set(captions(concept, learned=False))
        assert concept.words[-1] not in " ".join(captions(concept, learned=True))
        assert not set(concept.instrument.seen_rates) & set(concept.instrument.other_rates)


def test_a_head_that_learned_a_little_tells_kinds_apart_that_were_made_differently() -> None:
    targets = said(commonspace.load("nano"), FEW)
    train, valid = (lessons(FEW, 6, seed=seed, learned=True) for seed in (0, 1))
    judged = lessons(FEW, 3, seed=2, learned=False)

    head, scaling, _ = learn(train, valid, targets, strengths=(0.001,))

    vectors = tower_of(head, scaling).encode(list(judged.features))
    best = (vectors @ np.stack([targets[concept.key] for concept in FEW]).T).argmax(axis=1)
    right = [FEW[place].key == key for place, key in zip(best, judged.concepts, strict=True)]
    assert np.mean(right) >= 0.8


@pytest.mark.parametrize(("share", "answers"), [(0.9, True), (0.5, False), (None, False)], ids=["much", "some", "?"])
def test_a_question_about_much_is_answered_by_rows_of_its_kind_with_much(share: float | None, answers: bool) -> None:  # noqa: FBT001
    row = Row(columns=("kind", "mass"), types=("text", "number"), cells=("a", 1.0), shares=(None, share))
    question = Question(words="heavy", cell=("kind", "a"), share=("mass", 0.7, 1.0))

    assert question.answered_by(row) is answers
    assert not Question(words="heavy", cell=("kind", "b"), share=("mass", 0.7, 1.0)).answered_by(row)
