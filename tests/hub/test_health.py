"""A tower that is broken in a known way is told by its vectors, and one that is well is not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from commonspace.encode.hub.figures import figures_of
from commonspace.encode.hub.health import across, vitals_of, warnings_of
from commonspace.encode.hub.licences import LicenceKind, kind_of, licence_of_card

Rows = NDArray[np.floating]
NUM, SIZE = 16, 64


def unit(rows: Rows) -> Rows:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def well(seed: int = 0) -> Rows:
    return unit(np.random.default_rng(seed).normal(size=(NUM, SIZE)))


def codes(together: Rows, *, alone: Rows | None = None, again: Rows | None = None) -> list[str]:
    alone = together if alone is None else alone
    vitals = vitals_of(together, alone=alone, again=alone if again is None else again)
    return [each.code for each in warnings_of("text", vitals)]


def test_a_tower_that_is_well_gets_no_warning() -> None:
    vitals = vitals_of(well(), alone=well(), again=well())

    assert warnings_of("text", vitals) == []
    assert abs(vitals.mean_cosine) < 0.1
    assert vitals.effective_rank > 12
    assert across({"text": well(0), "image": well(1), "audio": well(2)}) == []


def test_narrow_but_healthy_cosines_are_no_collapse() -> None:
    rows = unit(unit(np.ones((1, SIZE))) * 1.7 + well())

    assert 0.6 < vitals_of(rows, alone=rows, again=rows).mean_cosine < 0.9
    assert codes(rows) == []


def test_texts_that_are_all_alike_are_a_collapsed_tower() -> None:
    rows = unit(unit(np.ones((1, SIZE))) + 0.02 * well())

    assert vitals_of(rows, alone=rows, again=rows).mean_cosine > 0.999
    assert codes(rows) == ["collapsed"]


def test_vectors_that_differ_along_one_line_have_a_low_rank() -> None:
    random = np.random.default_rng(4)
    rows = unit(np.outer(random.normal(size=NUM), np.ones(SIZE)) + np.eye(SIZE)[0] * 3)

    assert codes(rows) == ["low_rank"]


def test_effective_rank_and_participation_ratio_count_equal_directions() -> None:
    rows = np.concatenate([np.eye(8), -np.eye(8)])
    vitals = vitals_of(rows, alone=rows, again=rows)

    assert vitals.effective_rank == pytest.approx(8)
    assert vitals.participation_ratio == pytest.approx(8)


def test_vectors_not_of_length_one_are_told() -> None:
    assert codes(well() * 20) == ["norm"]


def test_a_random_crop_is_not_deterministic() -> None:
    assert codes(well(), alone=well(), again=unit(well() + 0.1 * well(3))) == ["not_deterministic"]


def test_a_vector_that_depends_on_its_neighbours_is_told() -> None:
    assert codes(unit(well() + 0.1 * well(3)), alone=well()) == ["batch_dependent"]


def test_vectors_without_numbers_are_told() -> None:
    rows = well()
    rows[3, 3] = np.nan

    assert codes(rows) == ["not_finite"]


def test_a_modality_scaled_by_its_temperature_is_told() -> None:
    found = across({"text": well(0), "image": well(1), "audio": well(2) * 20})

    assert ("unscaled", "audio") in [(each.code, each.message.partition(":")[0]) for each in found]


def test_scores_of_widely_different_ranges_are_told() -> None:
    half = np.concatenate([np.ones(SIZE // 2), np.zeros(SIZE // 2)])
    text, audio = unit(well(0) * half), unit(well(2) * half)
    image = unit(well(1) * (1 - half) + 0.01 * well(3))  # hardly anything in common with the texts

    found = across({"text": text, "image": image, "audio": audio})

    assert [each.message.partition(" ")[0] for each in found if each.code == "score_range"] != []
    assert across({"text": text, "audio": audio}) == []


@pytest.mark.parametrize(
    ("licence", "kind"),
    [
        ("mit", LicenceKind.FREE),
        ("apache-2.0", LicenceKind.FREE),
        ("cc-by-4.0", LicenceKind.FREE),
        ("cc-by-nc-4.0", LicenceKind.RESTRICTED),
        ("cc-by-nc-sa-4.0", LicenceKind.RESTRICTED),
        ("apple-amlr", LicenceKind.RESTRICTED),
        ("qwen-research", LicenceKind.RESTRICTED),
        ("nvidia-noncommercial-license", LicenceKind.RESTRICTED),
        ("gemma", LicenceKind.UNKNOWN),
        ("unknown", LicenceKind.UNKNOWN),
    ],
)
def test_a_licence_is_free_restricted_or_unknown(licence: str, kind: LicenceKind) -> None:
    assert kind_of(licence) is kind


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlanguage: en\nlicense: mit\n---\n# Title\nlicense: other", "mit"),
        ("---\nlicense: other\nlicense_name: apple-amlr\n---\n", "apple-amlr"),
        ('---\nlicense: "apache-2.0"\n---', "apache-2.0"),
        ("# No head\nlicense: mit\n", "unknown"),
        ("", "unknown"),
    ],
    ids=["plain", "other by its name", "quoted", "no head", "empty"],
)
def test_the_licence_is_read_from_the_head_of_a_card(card: str, licence: str) -> None:
    assert licence_of_card(card) == licence


def test_published_figures_have_a_protocol_and_a_source_each() -> None:
    figures = figures_of("openai/CLIP-vit-base-patch32")

    assert {each.value for each in figures} >= {30.4, 63.3}
    assert all(each.protocol and each.source for each in figures)
    assert figures_of("nobody/knows") == ()
