"""What the calibration recipe fits on: pairs as labelled things, and whole concepts where there are too many."""

import numpy as np
import pytest

from commonspace.align.pairs import Pairs, Views
from commonspace.core.modality import Modality
from commonspace.core.vectors import unit
from recipes.nano.calibrate import sides_of_pairs, thinned
from tests.fakes import FAKE_SPACE

DIMENSION = FAKE_SPACE.dimension


def rows(count: int, seed: int, dimension: int = DIMENSION) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, dimension))).astype(np.float16)


def pairs(dimension: int = DIMENSION) -> Pairs:
    """Two rows of one concept and one of another: two texts, one, none; a picture and a sound each."""
    texts = rows(3, 1, dimension)
    texts[2] = texts[0]
    views = {
        "text": Views.of([texts[:2], texts[2:], None]),
        "image": Views.single(rows(3, 2, dimension)),
        "audio": Views.single(rows(3, 3, dimension)),
    }
    return Pairs(views=views, concepts=("dog", "dog", "cat"), splits=("valid",) * 3, keys=("1", "2", "3"))


def test_every_view_is_a_thing_and_equal_ones_are_the_same_thing() -> None:
    sides = sides_of_pairs(pairs(), FAKE_SPACE)

    text = sides[Modality.TEXT]
    assert text.concepts == ("dog", "dog", "dog")
    assert text.keys[0] == text.keys[2] != text.keys[1]
    assert sides[Modality.AUDIO].concepts == ("dog", "dog", "cat")
    np.testing.assert_allclose(np.linalg.norm(text.vectors, axis=1), 1.0, atol=1e-5)


def test_features_that_are_no_vectors_of_the_space_are_refused() -> None:
    with pytest.raises(ValueError, match="no 'text' vectors of 32 dimensions"):
        sides_of_pairs(pairs(dimension=8), FAKE_SPACE)


def test_whole_concepts_are_kept_up_to_the_most_of_any_modality() -> None:
    sides = sides_of_pairs(pairs(), FAKE_SPACE)

    few = thinned(sides, 2, seed=0)

    assert set(few[Modality.IMAGE].concepts) == {"cat"}
    assert len(few[Modality.TEXT].keys) == 0
    whole = thinned(sides, 3, seed=0)
    assert {modality: side.concepts for modality, side in whole.items()} == {
        modality: side.concepts for modality, side in sides.items()
    }
