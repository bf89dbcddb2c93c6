"""The embedded space on the labelled set: every direction is far above chance."""

import pytest

import commonspace
from benchmarks.retrieval import LABELLED, Measured, labelled


@pytest.fixture(scope="module")
def measured() -> dict[str, Measured]:
    return {each.direction: each for each in labelled(LABELLED, commonspace.load("nano"), seed=0)}


@pytest.mark.parametrize(
    "direction", ["text->image", "image->text", "text->audio", "audio->text", "image->audio", "audio->image"]
)
def test_the_interval_of_recall_at_ten_lies_above_one_and_a_half_times_chance(
    measured: dict[str, Measured], direction: str
) -> None:
    at_ten = measured[direction].recalls[-1]

    assert at_ten.k == 10
    assert at_ten.low > 1.5 * at_ten.chance


def test_the_labelled_set_has_at_least_forty_concepts(measured: dict[str, Measured]) -> None:
    concepts = {line.split("\t")[1] for line in (LABELLED / "labels.tsv").read_text("utf-8").splitlines()[1:]}

    assert len(concepts) >= 40
    assert measured["text->image"].num_queries >= 40
