"""Nothing leaks: concepts and equal content stay on one side, and what was split badly by hand is refused."""

import numpy as np
import pytest

from commonspace.align.pairs import Pairs
from commonspace.align.splits import SplitPlan, assign, leaks, refuse_leaks
from commonspace.core.errors import UsageError
from tests.unit.align.making import CONCEPTS, made_pairs


def test_a_concept_is_never_in_two_splits_and_every_split_has_its_share() -> None:
    pairs = assign(made_pairs(), SplitPlan(valid=0.1, test=0.25))

    sides = {
        concept: {split for own, split in zip(pairs.concepts, pairs.splits, strict=True) if own == concept}
        for concept in pairs.concepts
    }
    assert all(len(side) == 1 for side in sides.values())
    counts = {name: sum(side == {name} for side in sides.values()) for name in ("train", "valid", "test")}
    assert counts == {"train": CONCEPTS - 21, "valid": 6, "test": 15}


def test_the_seed_decides_and_the_same_seed_decides_the_same() -> None:
    pairs = made_pairs()

    assert assign(pairs, SplitPlan(seed=1)).splits == assign(pairs, SplitPlan(seed=1)).splits
    assert assign(pairs, SplitPlan(seed=1)).splits != assign(pairs, SplitPlan(seed=2)).splits


def test_rows_of_equal_content_go_to_one_side_even_by_row() -> None:
    features = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    features[20:] = features[:20]
    pairs = Pairs.single({"text": features}, [str(row) for row in range(40)])

    split = assign(pairs, SplitPlan(valid=0.2, test=0.2, by="row"))

    assert split.splits[:20] == split.splits[20:]
    assert list(leaks(split)) == []


def test_content_in_two_splits_is_refused_by_name_unless_it_is_allowed() -> None:
    features = np.array([[1.0], [2.0], [1.0]], dtype=np.float32)
    pairs = Pairs.single(
        {"text": features}, ["a", "b", "c"], splits=("train", "train", "test"), keys=("one", "two", "three")
    )

    with pytest.raises(UsageError, match=r"text of 'one' \(train\) is that of 'three' \(test\)"):
        refuse_leaks(pairs)
    refuse_leaks(pairs, allowed=("text",))


def test_too_few_concepts_and_impossible_shares_are_refused() -> None:
    few = Pairs.single({"text": np.eye(3, dtype=np.float32)}, ["a", "b", "c"])

    with pytest.raises(UsageError, match="nothing to train on"):
        assign(few, SplitPlan(valid=0.5, test=0.5))
    with pytest.raises(UsageError, match="2 groups"):
        assign(few.take(np.array([0, 1])), SplitPlan())
