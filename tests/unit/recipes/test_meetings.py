"""Pictures and sounds meet within a concept and a split, and when measured each meets once."""

import numpy as np
import pytest

from commonspace.align.pairs import Pairs
from recipes.nano.heads.meetings import couples, with_meetings
from recipes.nano.heads.rows import Row, to_pairs

PLAN = {"bell": ("train", 3, 2), "dog": ("test", 2, 5), "harp": ("test", 4, 0), "owl": ("test", 1, 1)}
"""A concept's split, and how many pictures and sounds it has."""


@pytest.fixture
def pairs() -> Pairs:
    """Every row's own number is in each of its views, so that one can see where a view came from."""
    rows: list[Row] = []
    for concept, (split, pictures, sounds) in PLAN.items():
        for modality in ("image",) * pictures + ("audio",) * sounds:
            views = {name: np.full((1, 2), len(rows), np.float16) for name in (modality, f"{modality}_base", "text")}
            rows.append(Row(key=str(len(rows)), concept=concept, split=split, views=views))
    return to_pairs(rows)


def numbers(pairs: Pairs, name: str) -> list[int]:
    """The rows that views came from."""
    return [int(view[0]) for view in pairs.of(name).features]


def test_couples_are_of_one_concept_use_each_thing_once_and_carry_the_words_of_both(pairs: Pairs) -> None:
    found = couples(pairs, "test", seed=0)

    assert found is not None
    assert sorted(found.concepts) == ["dog", "dog", "owl"]
    assert set(found.splits) == {"test"}
    pictures, sounds = numbers(found, "image"), numbers(found, "audio")
    assert numbers(found, "image_base") == pictures
    assert numbers(found, "audio_base") == sounds
    assert len(set(pictures)) == len(set(sounds)) == 3
    for concept, picture, sound in zip(found.concepts, pictures, sounds, strict=True):
        assert pairs.concepts[picture] == pairs.concepts[sound] == concept
    both = [number for meeting in zip(sounds, pictures, strict=True) for number in meeting]
    assert numbers(found, "text") == both


def test_couples_are_the_same_for_the_same_seed_and_none_without_a_concept_that_has_both(pairs: Pairs) -> None:
    first, again = couples(pairs, "test", seed=3), couples(pairs, "test", seed=3)

    assert first is not None
    assert again is not None
    assert first.digest == again.digest
    assert couples(pairs, "valid", seed=0) is None


def test_only_training_sounds_get_meetings_and_nothing_else_changes(pairs: Pairs) -> None:
    found = with_meetings(pairs, seed=0)

    assert found.keys[: len(pairs)] == pairs.keys
    added = found.take(np.arange(len(pairs), len(found)))
    assert (set(added.concepts), set(added.splits), len(added)) == ({"bell"}, {"train"}, 2)
    assert added.of("image").counts.tolist() == [3, 3]
    assert numbers(added, "text") == numbers(added, "audio")
