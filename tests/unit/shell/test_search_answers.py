"""``commonspace search`` in a calibrated space: probabilities, weak hits, "no good match", weights, spoken words."""

import json

import pytest

from commonspace.retrieve.hit import Hit
from tests.unit.shell.conftest import Run
from tests.unit.shell.fake_house import FakeHouse, hit, passage


def weak(name: str, rank: int) -> Hit:
    return hit(name, rank=rank, probability=0.04, good=False)


def test_json_has_probability_and_good_of_each_hit(run: Run, house: FakeHouse) -> None:
    house.collection.hits = [hit(probability=0.8312345678, good=True), hit("b.ogg", rank=2)]

    first, second = json.loads(run("search", "dog", "--store", "media.cs", "--json").stdout)["hits"]

    assert (first["probability"], first["good"]) == (0.831235, True)
    assert (second["probability"], second["good"]) == (None, None)


def test_the_table_shows_probabilities_and_marks_weak_hits(run: Run, house: FakeHouse) -> None:
    house.collection.hits = [hit("a.ogg", probability=0.83, good=True), weak("b.ogg", 2)]

    lines = run("search", "dog", "--store", "media.cs").stdout.splitlines()

    assert any(line.split()[:3] == ["rank", "probability", "score"] for line in lines)
    assert any(line.split()[:3] == ["1", "0.83", "0.432"] for line in lines)
    assert any(line.split()[:4] == ["2", "0.04", "weak", "0.432"] for line in lines)
    assert not any("No good match" in line for line in lines)


def test_no_good_match_is_an_answer_with_the_nearest_few(run: Run, house: FakeHouse) -> None:
    house.collection.hits = [weak(f"{number}.ogg", number) for number in range(1, 6)]

    result = run("search", "quarks", "--store", "media.cs")

    assert result.exit_code == 0
    assert "No good match. The 3 nearest are shown, but weak." in result.stdout
    assert "3.ogg" in result.stdout
    assert "4.ogg" not in result.stdout
    assert "2 more, all weak: --all shows them." in result.stderr


def test_all_shows_every_weak_hit(run: Run, house: FakeHouse) -> None:
    house.collection.hits = [weak(f"{number}.ogg", number) for number in range(1, 6)]

    result = run("search", "quarks", "--all", "--store", "media.cs")

    assert "No good match. The 5 nearest are shown, but weak." in result.stdout
    assert "5.ogg" in result.stdout
    assert result.stderr == ""


def test_a_least_probability_leaves_the_rest_out(run: Run, house: FakeHouse) -> None:
    house.collection.hits = [hit("a.ogg", probability=0.83, good=True), weak("b.ogg", 2)]

    assert "b.ogg" not in run("search", "dog", "--min-probability", "0.5", "--store", "media.cs").stdout
    nothing = run("search", "dog", "--min-probability", "0.9", "--store", "media.cs")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "with a probability of 0.9 or more" in nothing.stderr
    assert run("search", "dog", "--min-probability", "1.5", "--store", "media.cs").exit_code == 2


def test_weights_reach_the_collection_as_settings(run: Run, house: FakeHouse) -> None:
    run("search", "dog", "--weight", "audio=0.5", "--weight", "video=2", "--store", "media.cs")

    weights = house.settings[-1].weights
    assert (weights.audio, weights.video, weights.text) == (0.5, 2.0, 1.0)


@pytest.mark.parametrize(
    ("weight", "complaint"),
    [("smell=1", "no setting called 'weights.smell'"), ("audio=-1", "zero or more"), ("audio", "not NAME=VALUE")],
)
def test_a_weight_that_makes_no_sense_is_an_error(run: Run, weight: str, complaint: str) -> None:
    result = run("search", "dog", "--weight", weight, "--store", "media.cs")

    assert (result.exit_code, complaint in result.stderr) == (1, True)


def test_words_that_are_said_in_a_sound_are_quoted_as_said(run: Run, house: FakeHouse) -> None:
    house.collection.hits = [hit("news.ogg", segment=passage("The train leaves.", start_seconds=3.0, end_seconds=6.0))]

    assert "0:03 to 0:06 says: “The train leaves.”" in run("search", "train", "--store", "media.cs").stdout
