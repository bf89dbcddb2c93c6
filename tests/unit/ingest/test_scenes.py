"""Scenes follow the cuts of the camera; what changes without a cut is divided now and then; a cut is never shifted."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from commonspace.ingest.scenes import Scene, SceneSampler
from commonspace.ingest.shots import TINY_SIDE, CutDetector

Tiny = NDArray[np.uint8]


def noise(seed: int) -> Tiny:
    return np.random.default_rng(seed).integers(0, 256, (TINY_SIDE, TINY_SIDE), dtype=np.uint8)


def scenes(frames: list[Tiny], *, every: float = 0.2, least: float = 1.0, most: int = 300) -> tuple[Scene, ...]:
    """What becomes of these frames, shown one after another; a kept frame's pixels say which of them it was."""
    sampler, cuts = SceneSampler(least_seconds=least, most_frames=most), CutDetector()
    for number, tiny in enumerate(frames):
        pixels = np.full((1, 1, 3), number, dtype=np.uint8)
        sampler.show(number * every, tiny, lambda pixels=pixels: pixels, cut=cuts.cut(tiny, number * every))  # type: ignore[misc]
    return sampler.scenes(len(frames) * every)


def spans(found: tuple[Scene, ...]) -> list[tuple[float, float]]:
    return [(scene.start_seconds, scene.end_seconds) for scene in found]


def test_a_shot_is_one_scene_from_cut_to_cut() -> None:
    assert spans(scenes([noise(1)] * 12 + [noise(2)] * 18)) == [(0.0, 2.4), (2.4, 6.0)]


def test_a_picture_that_does_not_change_is_one_scene() -> None:
    assert spans(scenes([noise(1)] * 40)) == [(0.0, 8.0)]


def test_what_keeps_changing_without_a_cut_is_divided_every_two_seconds() -> None:
    fade = [np.full((TINY_SIDE, TINY_SIDE), 3 * number, np.uint8) for number in range(60)]

    starts = [start for start, _ in spans(scenes(fade))]

    assert [round(after - before, 3) for before, after in pairwise(starts)] == [2.0] * (len(starts) - 1)
    assert len(starts) > 3


def test_a_cut_just_after_a_gradual_change_is_where_it_is() -> None:
    fade = [np.full((TINY_SIDE, TINY_SIDE), 5 * number, np.uint8) for number in range(13)]

    assert spans(scenes(fade + [noise(2)] * 10)) == [(0.0, 2.6), (2.6, 4.6)]


def test_a_shot_shorter_than_the_least_time_does_not_count() -> None:
    assert spans(scenes([noise(1)] * 10 + [noise(2)] * 2 + [noise(3)] * 20)) == [(0.0, 2.0), (2.0, 3.0), (3.0, 6.4)]


def test_frames_that_are_far_apart_are_new_scenes_wherever_they_differ() -> None:
    assert len(scenes([noise(number) for number in range(6)], every=4.0)) == 6


def test_the_clearest_frame_of_a_shot_stands_for_it() -> None:
    picture = noise(1)
    fading_in = [(picture * share).astype(np.uint8) for share in (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0, 1.0)]

    (scene,) = scenes(fading_in, every=0.1)

    assert scene.pixels[0, 0, 0] == 6


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(1, 6))
def test_scenes_cover_all_of_it_in_order_and_are_never_too_many(order: list[int], most: int) -> None:
    found = spans(scenes([noise(seed) for seed in order], most=most))

    assert (found[0][0], found[-1][1]) == (0.0, round(len(order) * 0.2, 3))
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert len(found) <= most
    assert all(end - start >= 0.999 for start, end in found[:-1])
