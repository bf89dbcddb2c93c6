"""A space says what it is and refuses what it lacks."""

import pytest

from commonspace.core.errors import SpaceMismatch, UnsupportedModality
from commonspace.core.modality import Modality
from commonspace.core.space import Space, Tier


def space(*towers: Modality, fingerprint: str = "a" * 64) -> Space:
    composed = (Modality.VIDEO,) if Modality.IMAGE in towers else ()
    return Space(name="s", dimension=4, towers=towers, composed=composed, fingerprint=fingerprint)


@pytest.mark.parametrize(
    ("towers", "tier"),
    [
        ([Modality.TEXT], Tier.UNIMODAL),
        ([Modality.TEXT, Modality.IMAGE], Tier.BIMODAL),
        ([Modality.TEXT, Modality.IMAGE, Modality.AUDIO], Tier.TRIMODAL),
        ([Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.SENSOR], Tier.FULL_SPECTRUM),
    ],
)
def test_the_tier_counts_towers_and_not_what_is_composed_of_them(towers: list[Modality], tier: Tier) -> None:
    assert space(*towers).tier == tier


def test_a_missing_modality_is_refused_by_name_with_what_to_do() -> None:
    with pytest.raises(UnsupportedModality) as caught:
        space(Modality.TEXT, Modality.IMAGE).require(Modality.SENSOR)

    assert "sensor" in caught.value.cause
    assert "text, image, video" in caught.value.cause
    assert "commonspace models" in caught.value.fix


def test_a_composed_modality_is_accepted() -> None:
    space(Modality.TEXT, Modality.IMAGE).require(Modality.VIDEO)


def test_spaces_of_one_fingerprint_are_the_same_and_others_are_refused() -> None:
    mine = space(Modality.TEXT)
    mine.require_same(space(Modality.TEXT))

    with pytest.raises(SpaceMismatch, match="index the media again"):
        mine.require_same(space(Modality.TEXT, fingerprint="b" * 64))
