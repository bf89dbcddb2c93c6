"""Laws of the arithmetic: fused ranks, marginal relevance, folds; each against a slow loop or what must always hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from commonspace.core.vectors import Vectors, unit
from commonspace.retrieve.diversity import folds, marginal_order
from commonspace.retrieve.fuse import reciprocal_ranks

LISTS = st.lists(st.lists(st.integers(0, 12), unique=True, max_size=10), max_size=4)


def rows(count: int, seed: int) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((count, 6)).astype(np.float32) + np.float32(1e-3))


def slow_order(worth: NDArray[np.float64], vectors: Vectors, trade: float) -> list[int]:
    """Carbonell and Goldstein, word by word."""
    span = worth.max() - worth.min() or 1.0
    scaled = (worth - worth.min()) / span
    chosen: list[int] = []
    while len(chosen) < len(worth):
        left = [place for place in range(len(worth)) if place not in chosen]
        values = [
            trade * scaled[place]
            - (1 - trade) * max((0.0, *(float(vectors[place] @ vectors[other]) for other in chosen)))
            for place in left
        ]
        chosen.append(left[int(np.argmax(np.round(values, 9)))])
    return chosen


@given(lists=LISTS, seed=st.integers(0, 99))
def test_fused_ranks_do_not_depend_on_the_order_of_the_lists(lists: list[list[int]], seed: int) -> None:
    shuffled = [lists[at] for at in np.random.default_rng(seed).permutation(len(lists))]

    one, other = reciprocal_ranks(lists), reciprocal_ranks(shuffled)

    assert one.keys() == other.keys() == {thing for ranked in lists for thing in ranked}
    assert all(one[thing] == pytest.approx(other[thing]) for thing in one)


@given(ranked=st.lists(st.integers(), unique=True, max_size=20))
def test_one_list_fused_with_itself_keeps_its_order(ranked: list[int]) -> None:
    worth = reciprocal_ranks([ranked, ranked])

    assert sorted(worth, key=lambda thing: -worth[thing]) == ranked


def test_fused_ranks_are_those_of_the_paper() -> None:
    assert reciprocal_ranks([["a", "b"], ["b"]]) == {"a": 1 / 61, "b": 1 / 62 + 1 / 61}


@given(count=st.integers(0, 15), seed=st.integers(0, 99), trade=st.floats(0, 1))
@settings(deadline=None)
def test_marginal_relevance_is_that_of_the_slow_loop(count: int, seed: int, trade: float) -> None:
    worth = np.sort(np.random.default_rng(seed).random(count))[::-1].copy()

    order = marginal_order(worth, rows(count, seed), trade)

    assert sorted(order) == list(range(count))
    if count:
        assert order == slow_order(worth, rows(count, seed), trade)


@given(worths=st.lists(st.floats(-1, 1), max_size=20), seed=st.integers(0, 99))
def test_a_trade_of_one_is_the_plain_order(worths: list[float], seed: int) -> None:
    worth = np.array(sorted(worths, reverse=True), np.float64)

    assert marginal_order(worth, rows(len(worth), seed), 1.0) == list(range(len(worth)))


@given(count=st.integers(0, 20), seed=st.integers(0, 99), cosine=st.floats(0.01, 1))
@settings(deadline=None)
def test_folding_loses_nothing_and_keeps_the_best_first(count: int, seed: int, cosine: float) -> None:
    draw, vectors = np.random.default_rng(seed), rows(count, seed)
    kinds = draw.choice(["image", "text"], count).tolist()
    contents = [str(number) for number in draw.integers(0, 12, count)]

    groups = folds(kinds, contents, vectors, cosine)

    assert sorted(place for group in groups for place in group) == list(range(count))
    assert [group[0] for group in groups] == sorted(group[0] for group in groups)
    for first, *others in groups:
        assert all(place > first for place in others)
        assert all(kinds[place] == kinds[first] for place in others)
        assert all(
            contents[place] == contents[first] or float(vectors[place] @ vectors[first]) >= cosine for place in others
        )
