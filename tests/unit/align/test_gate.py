"""The gate lets pass what may change, and nothing that lost more than its tolerance elsewhere."""

import pytest

from commonspace.align.figures import CUTOFFS, Figures, Recall
from commonspace.align.gate import GateSpec, judge, may_change
from commonspace.core.errors import UsageError


def figures(name: str, value: float, system: str = "trained") -> Figures:
    suite, _, direction = name.partition(": ")
    return Figures(
        suite=suite,
        direction=direction,
        system=system,
        num_queries=50,
        num_left_out=0,
        num_items=50,
        median_rank=2.0,
        recalls=tuple(Recall(k=k, value=value, low=value, high=value, chance=0.1) for k in CUTOFFS),
    )


OWN, PHOTOS, BACK = "test: text->image", "photos: text->image", "test: image->audio"
SPEC = GateSpec(change=("text->image",), tolerance=0.02)


@pytest.mark.parametrize(
    ("after", "promoted"),
    [
        ({OWN: 0.6, PHOTOS: 0.9, BACK: 0.5}, True),
        ({OWN: 0.1, PHOTOS: 0.9, BACK: 0.5}, True),
        ({OWN: 0.6, PHOTOS: 0.88, BACK: 0.5}, True),
        ({OWN: 0.6, PHOTOS: 0.87, BACK: 0.5}, False),
        ({OWN: 0.6, PHOTOS: 0.9, BACK: 0.4}, False),
    ],
    ids=["gain", "the listed one may fall", "within the tolerance", "a probe fell", "another direction fell"],
)
def test_only_listed_directions_may_lose(after: dict[str, float], promoted: bool) -> None:  # noqa: FBT001
    before = [figures(OWN, 0.3, "before"), figures(PHOTOS, 0.9, "before"), figures(BACK, 0.5, "before")]

    verdict = judge(before, [figures(name, value) for name, value in after.items()], SPEC)

    assert verdict.promoted is promoted


def test_the_reason_names_the_direction_and_both_figures() -> None:
    verdict = judge([figures(PHOTOS, 0.9, "before")], [figures(PHOTOS, 0.08), figures(OWN, 0.4)], SPEC)

    assert verdict.reasons == (
        "photos: text->image fell from 0.900 to 0.080 (R@10), which is 0.820 and more than 0.020",
    )


def test_a_new_direction_has_nothing_to_lose() -> None:
    verdict = judge([], [figures(OWN, 0.0)], SPEC)

    assert verdict.promoted
    assert verdict.changes == ()


def test_a_direction_without_a_suite_is_the_test_splits_alone() -> None:
    assert may_change(OWN, ("text->image",))
    assert not may_change(PHOTOS, ("text->image",))
    assert may_change(PHOTOS, ("photos: text->image",))


def test_a_direction_that_is_not_measured_cannot_be_listed() -> None:
    with pytest.raises(UsageError, match=r"'text->imgae' change, which is not measured.*photos: text->image"):
        judge([], [figures(OWN, 0.1), figures(PHOTOS, 0.1)], GateSpec(change=("text->imgae",)))


def test_a_gain_is_asked_for_only_where_it_is_required() -> None:
    rivals = [figures(OWN, 0.5, "ridge")]
    after = [figures(OWN, 0.4)]

    assert judge([], after, SPEC, rivals).promoted
    verdict = judge([], after, GateSpec(change=("text->image",), required=True), rivals)
    assert verdict.reasons == ("training does not reach 'ridge' where it should gain: 0.400 against 0.500 (mean R@10)",)
