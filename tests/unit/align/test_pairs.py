"""Rows keep their views through taking, splitting and saving, and what does not fit together is refused."""

from pathlib import Path

import numpy as np
import pytest

from commonspace.align.pairs import Pairs, Views
from commonspace.core.errors import UsageError
from tests.unit.align.making import made_pairs, some_missing


def ragged() -> Pairs:
    """Three rows: two texts and a picture; a text alone; a picture alone."""
    texts = Views.of([np.array([[1.0], [2.0]]), np.array([[3.0]]), None])
    images = Views.of([np.array([[7]], dtype=np.uint8), None, np.array([[9]], dtype=np.uint8)])
    return Pairs(
        views={"text": texts, "image": images},
        concepts=("a", "b", "a"),
        splits=("train", "test", "train"),
        keys=("x", "y", "z"),
    )


def test_taking_rows_takes_their_views_in_the_asked_order() -> None:
    taken = ragged().take(np.array([2, 0]))

    assert taken.keys == ("z", "x")
    assert taken.of("text").features.tolist() == [[1.0], [2.0]]
    assert taken.of("text").counts.tolist() == [0, 2]
    assert taken.of("image").features.tolist() == [[9], [7]]


def test_where_gives_the_rows_of_a_split() -> None:
    assert ragged().where("test").keys == ("y",)
    assert len(ragged().where("valid")) == 0


def test_has_tells_which_rows_hold_all_of_some_modalities() -> None:
    assert ragged().has("text", "image").tolist() == [True, False, False]


def test_saved_pairs_come_back_the_same(tmp_path: Path) -> None:
    pairs = some_missing(made_pairs(20), "audio", 3)
    pairs.save(tmp_path / "pairs")

    loaded = Pairs.load(tmp_path / "pairs")

    assert loaded.digest == pairs.digest
    assert loaded.concepts == pairs.concepts
    assert isinstance(loaded.of("image").features, np.memmap)
    assert loaded.of("audio").counts.tolist() == pairs.of("audio").counts.tolist()


@pytest.mark.parametrize("change", ["concept", "split", "key", "feature"])
def test_any_change_changes_the_digest(change: str) -> None:
    pairs = ragged()
    others = {
        "concept": Pairs(views=pairs.views, concepts=("a", "b", "c"), splits=pairs.splits, keys=pairs.keys),
        "split": pairs.with_splits(("train", "test", "valid")),
        "key": Pairs(views=pairs.views, concepts=pairs.concepts, splits=pairs.splits, keys=("x", "y", "w")),
        "feature": pairs.with_views(
            "image", Views(features=pairs.of("image").features + 1, offsets=pairs.of("image").offsets)
        ),
    }

    assert others[change].digest != pairs.digest
    assert ragged().digest == pairs.digest


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    pairs = made_pairs(5)
    pairs.save(tmp_path)
    np.save(tmp_path / "text.npy", pairs.of("text").features * 2)

    with pytest.raises(UsageError, match=r"'text' .* have changed"):
        Pairs.load(tmp_path)


def test_a_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no saved pairs"):
        Pairs.load(tmp_path)


def test_a_name_that_leads_out_of_the_folder_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot name a modality"):
        Pairs.single({"../text": np.zeros((1, 2))}, ["a"])


def test_rows_that_do_not_fit_together_are_refused() -> None:
    pairs = ragged()
    with pytest.raises(UsageError, match="different numbers of rows"):
        Pairs(views=pairs.views, concepts=("a",), splits=pairs.splits, keys=pairs.keys)
    with pytest.raises(UsageError, match="same key"):
        Pairs(views=pairs.views, concepts=pairs.concepts, splits=pairs.splits, keys=("x", "x", "y"))
    with pytest.raises(UsageError, match="no split 'tset'"):
        pairs.with_splits(("train", "tset", "test"))
    with pytest.raises(UsageError, match="hold no 'audio'"):
        pairs.dimension("audio")
    with pytest.raises(UsageError, match="must rise"):
        Views(features=np.zeros((2, 1)), offsets=np.array([0, 3]))
