"""``commonspace search`` with several parts, and all that may be said of how to answer."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.retrieve.explanation import Contribution, Explanation, Ranked, Unwanted, Words
from commonspace.retrieve.hit import Fold, Folded, Segment
from tests.unit.shell.conftest import Run
from tests.unit.shell.fake_house import FakeHouse, hit


@pytest.fixture
def bark(tmp_path: Path) -> Path:
    path = tmp_path / "bark.wav"
    soundfile.write(path, np.zeros(800, dtype=np.float32), 8000)
    return path


@pytest.fixture
def dog(tmp_path: Path) -> Path:
    path = tmp_path / "dog.jpg"
    Image.new("RGB", (32, 24), "brown").save(path)
    return path


def test_everything_that_is_given_adds_up_with_its_weights(run: Run, house: FakeHouse, dog: Path, bark: Path) -> None:
    result = run(
        *("search", "a dog", "--image", f"{dog}^0.5", "--audio", bark, "--item", "4f1c^2", "--minus", "a cat^.25"),
        *("--minus", bark, "--store", "media.cs", "--json"),
    )

    query, _, _ = house.collection.asked[0]
    assert [(part.content, part.item, part.weight) for part in query.parts] == [
        ("a dog", None, 1.0),
        (dog, None, 0.5),
        (bark, None, 1.0),
        (None, "4f1c", 2.0),
        ("a cat", None, -0.25),
        (bark, None, -1.0),
    ]
    assert json.loads(result.stdout)["query"]["parts"] == [
        {"modality": "text", "text": "a dog"},
        {"modality": "image", "uri": dog.as_uri(), "weight": 0.5},
        {"modality": "audio", "uri": bark.as_uri()},
        {"item": "4f1c", "weight": 2.0},
        {"modality": "text", "text": "a cat", "weight": -0.25},
        {"modality": "audio", "uri": bark.as_uri(), "weight": -1.0},
    ]


def test_a_composed_query_is_named_by_its_parts(run: Run, house: FakeHouse, dog: Path, tmp_path: Path) -> None:
    house.collection.hits = [hit()]
    page = tmp_path / "page.html"

    result = run("search", "at night", "--image", f"{dog}^0.5", "--minus", "rain", "--store", "m.cs", "--html", page)

    assert "composed query: at night + 0.5 x dog.jpg - rain" in result.stdout
    assert "at night + 0.5 x dog.jpg - rain" in page.read_text()


def test_how_to_answer_reaches_the_collection(run: Run, house: FakeHouse) -> None:
    run(
        *("search", "dog", "--where", "price < 50", "--offset", "5", "--group", "parent", "--diverse", "0.3"),
        *("--fold", "0.95", "--no-keywords", "--explain", "--store", "media.cs"),
    )

    (options,) = house.collection.options
    assert options == {
        "k": 10,
        "offset": 5,
        "modality": None,
        "where": "price < 50",
        "min_probability": None,
        "group": "parent",
        "diversity": 0.3,
        "fold": 0.95,
        "keywords": False,
        "explain": True,
    }


def test_what_is_under_a_hit_is_told_below_the_table(run: Run, house: FakeHouse) -> None:
    moments = tuple(
        Segment(modality=Modality.IMAGE, span=Span(start_seconds=at, end_seconds=at + 1), text=None)
        for at in (3.0, 9.0)
    )
    copy = Folded(
        why=Fold.NEAR_DUPLICATE, id="1", uri="file:///copy", name="copy.mp4", modality=Modality.VIDEO, score=0.4
    )
    told = Explanation(
        parts=(Contribution(part="dog", modality="text", weight=1.0, cosine=0.5, share=1.0, adds=0.5),),
        bias=0.1,
        score=0.4,
        ranked_by=Ranked.PROBABILITY,
        worth=0.12,
        words=Words(words=("dog",), missing=("rain",), bm25=2.5, rank=3, adds=1.0),
        unwanted=(Unwanted(part="cat", weight=-1.0, likeness=0.2, words=(), takes=0.25),),
        log_odds=-1.386,
        probability=0.2,
        modality_weight=0.6,
    )
    house.collection.hits = [hit(segment=moments[0], segments=moments, folded=(copy,), explanation=told)]

    shown = [line.strip() for line in run("search", "dog", "--store", "media.cs", "--explain").stdout.splitlines()]

    assert (
        shown[-9:]
        == [
            "1  also 0:09 to 0:10",
            "1  near duplicate: copy.mp4 (0.400)",
            "1  dog: cosine 0.500 x 1.000 = +0.500",
            "1  hub bias: -0.100",
            "1  score: 0.400",
            "1  words: dog, not rain (BM25 2.50, place 3): +1.000",
            "1  not cat: likeness 0.200: -0.250",
            "1  log-odds -1.386: probability 0.200",
            "1  weight of its modality: x 0.6",
            "1  ranked by probability: 0.12",
        ][-9:]
    )
