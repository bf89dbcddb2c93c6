"""A bad line of pairs costs that line alone, and what was embedded once is not embedded again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
from PIL import Image

from commonspace.align.recipe import Data, HeadRecipe, Recipe
from commonspace.apps.train.data import load_rows
from commonspace.apps.train.pairs_file import Line, LineFailure, lines
from commonspace.core.errors import ItemError, UsageError
from commonspace.core.space import Space
from commonspace.encode.embedder import Embedding
from tests.fakes import FAKE_SPACE, fake_embedder


@final
@dataclass
class Counting:
    """The fake space, which remembers what it was asked to embed."""

    asked: list[object] = field(default_factory=list)
    space: Space = FAKE_SPACE

    def try_embed(self, items: Sequence[object]) -> list[Embedding | ItemError]:
        self.asked += items
        return fake_embedder().try_embed(items)


def written(path: Path, *told: Any) -> Path:
    path.write_text("".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in told), "utf-8")
    return path


def folder_of_pictures(folder: Path, num: int) -> list[dict[str, str]]:
    told = []
    for place in range(num):
        Image.fromarray(np.full((40, 40, 3), place * 6, dtype=np.uint8)).save(folder / f"{place}.png")
        told.append({"text": f"shade {place}", "image": f"{place}.png", "concept": f"shade {place}"})
    return told


def recipe(folder: Path, name: str = "pairs.jsonl") -> Recipe:
    return Recipe(name="test", data=Data(pairs=name), heads={"image": HeadRecipe()}, folder=folder)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"text": "a dog"}, "text alone, which is no pair"),
        ({"text": "a dog", "imgae": "dog.png"}, "unknown field 'imgae'. Did you mean 'image'"),
        ({"text": "", "image": "dog.png"}, "A text is empty"),
        ({"text": "a dog", "image": 3}, "'image' is no string"),
        ({"text": "a dog", "image": "dog.png", "split": "tset"}, "no split 'tset'"),
        ({"text": "a dog", "image": "dog.png", "key": "same"}, "that of line 1"),
        ("{text: a dog}", "not JSON"),
        ("[1]", "not a JSON object"),
    ],
)
def test_a_bad_line_is_told_and_the_others_go_on(told: object, words: str, tmp_path: Path) -> None:
    good = {"text": "a dog", "image": "dog.png"}
    path = written(tmp_path / "pairs.jsonl", {**good, "key": "same"}, told, good)

    first, bad, last = lines(path)

    assert isinstance(first, Line)
    assert isinstance(bad, LineFailure)
    assert (bad.number, words in str(bad.error)) == (2, True), str(bad.error)
    assert isinstance(last, Line)
    assert last.key == last.concept == "line 3"


def test_a_table_with_tabs_reads_like_json_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "pairs.tsv", "text\timage\tconcept", "a dog\tdog.png\tdog", "a cat\tcat.png\tcat\tmore")

    line, bad = lines(path)

    assert isinstance(line, Line)
    assert line.items == {"text": ("a dog",), "image": (tmp_path / "dog.png",)}
    assert line.concept == "dog"
    assert isinstance(bad, LineFailure)
    with pytest.raises(UsageError, match="unknown field 'picture'"):
        list(lines(written(tmp_path / "other.tsv", "text\tpicture")))
    with pytest.raises(UsageError, match=r"neither \.jsonl nor \.tsv"):
        list(lines(written(tmp_path / "pairs.csv", "text,image")))


def test_rows_are_embedded_once_and_a_bad_file_is_one_failure(tmp_path: Path) -> None:
    told = folder_of_pictures(tmp_path, 30)
    (tmp_path / "7.png").write_bytes(b"no picture")
    written(tmp_path / "pairs.jsonl", *told, {"text": "gone", "image": "gone.png"})
    embedder = Counting()

    loaded = load_rows(recipe(tmp_path), lambda _: embedder, lambda _: None)

    assert len(loaded.pairs) == 29
    assert [failure.number for failure in loaded.failures] == [8, 31]
    assert "7.png" in str(loaded.failures[0].error)
    assert set(loaded.pairs.splits) == {"train", "valid", "test"}
    assert any("dealt out by concept" in note for note in loaded.notes)
    first = len(embedder.asked)
    again = load_rows(recipe(tmp_path), lambda _: embedder, lambda _: None)
    assert len(embedder.asked) - first <= 2
    assert again.pairs.digest == loaded.pairs.digest


def test_a_line_may_have_many_texts_and_a_picture_in_the_wrong_column_is_told(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = [
        {**each, "texts": ["one", "two", f"three {each['text']}"]} for each in folder_of_pictures(tmp_path, 20)
    ]
    for each in told:
        del each["text"]
    written(tmp_path / "pairs.jsonl", *told, {"text": "a sound", "audio": "3.png"})
    plan = Recipe(
        name="test",
        data=Data(pairs="pairs.jsonl", allow_leaks=("text",)),
        heads={"image": HeadRecipe()},
        folder=tmp_path,
    )
    rows = [json.dumps({**each, "split": ("train", "valid", "test")[place % 3]}) for place, each in enumerate(told)]
    written(tmp_path / "pairs.jsonl", *rows, {"text": "a sound", "audio": "3.png", "split": "train"})

    loaded = load_rows(plan, lambda _: Counting(), lambda _: None)

    assert loaded.pairs.of("text").counts.tolist() == [3] * 20
    assert "is of the kind image" in str(loaded.failures[0].error)


def test_equal_content_in_two_given_splits_is_refused(tmp_path: Path) -> None:
    told = folder_of_pictures(tmp_path, 6)
    rows = [{**each, "split": ("train", "valid", "test")[place % 3]} for place, each in enumerate(told)]
    written(tmp_path / "pairs.jsonl", *rows, {**rows[0], "text": "again", "split": "test"})

    with pytest.raises(UsageError, match=r"image of 'line 1' .train. is that of 'line 7' .test."):
        load_rows(recipe(tmp_path), lambda _: Counting(), lambda _: None)


def test_a_cache_cut_short_by_a_kill_drops_only_its_end(tmp_path: Path) -> None:
    from commonspace.apps.train.feature_cache import FeatureCache

    keys = [f"{number:064d}" for number in range(3)]
    FeatureCache(tmp_path, FAKE_SPACE).put(
        {key: np.full(32, number, dtype=np.float32) for number, key in enumerate(keys)}
    )
    (path,) = tmp_path.rglob("vectors.f32")
    path.write_bytes(path.read_bytes()[:-5])

    cut = FeatureCache(tmp_path, FAKE_SPACE)
    assert [cut.get(key) is None for key in keys] == [False, False, True]
    cut.put({keys[2]: np.full(32, 9, dtype=np.float32)})

    whole = FeatureCache(tmp_path, FAKE_SPACE)
    assert [float(vector[0]) for key in keys if (vector := whole.get(key)) is not None] == [0.0, 1.0, 9.0]
