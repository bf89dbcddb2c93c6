"""What every index promises, kept by the NumPy reference, by FAISS and by every approximate kind alike."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonspace.core.vectors import Vectors, unit
from commonspace.index.exact import ExactIndex
from commonspace.index.flat import FEWEST_BATCHED_QUERIES, FlatIndex
from commonspace.index.index import Ids, Index
from commonspace.index.kinds import Choice, Kind, made

MAKERS: list[Callable[[int], Index]] = [partial(made, Choice(kind=kind)) for kind in Kind]
DIMENSION = 20


def rows(count: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32))


@pytest.fixture(params=MAKERS, ids=[kind.value for kind in Kind])
def index(request: pytest.FixtureRequest) -> Index:
    """An empty index of each kind."""
    made: Index = request.param(DIMENSION)
    return made


def slow_best(ids: Ids, vectors: Vectors, query: Vectors, k: int) -> list[float]:
    """The best k scores, by a loop."""
    scores = sorted((float(np.dot(row.astype(float), query.astype(float))) for row in vectors), reverse=True)
    return scores[: min(k, len(ids))]


@pytest.mark.parametrize("num_queries", [1, 3, FEWEST_BATCHED_QUERIES, 50])
@pytest.mark.parametrize("k", [1, 10, 200])
def test_the_best_scores_are_those_of_a_loop(index: Index, num_queries: int, k: int) -> None:
    ids, vectors, queries = np.arange(5, 305, 2), rows(150), rows(num_queries, seed=1)
    index.add(ids, vectors)

    scores, found = index.search(queries, k, None)

    assert scores.shape == found.shape == (num_queries, k)
    for query, row_scores, row_ids in zip(queries, scores, found, strict=True):
        expected = slow_best(ids, vectors, query, k)
        np.testing.assert_allclose(row_scores[: len(expected)], expected, atol=1e-6)
        held = row_ids[: len(expected)]
        np.testing.assert_allclose(vectors[np.searchsorted(ids, held)] @ query, expected, atol=1e-6)
        assert len(set(held.tolist())) == len(held)


@pytest.mark.parametrize("num_queries", [1, 40])
def test_places_that_nothing_fills_hold_minus_infinity_and_minus_one(index: Index, num_queries: int) -> None:
    index.add(np.array([4, 9]), rows(2))

    scores, ids = index.search(rows(num_queries, seed=2), 5, None)

    assert (ids[:, 2:] == -1).all()
    assert np.isneginf(scores[:, 2:]).all()
    assert {frozenset(row) for row in ids[:, :2].tolist()} == {frozenset({4, 9})}


@pytest.mark.parametrize("num_queries", [1, 40])
def test_an_empty_index_finds_nothing(index: Index, num_queries: int) -> None:
    _, ids = index.search(rows(num_queries), 3, None)

    assert (ids == -1).all()


@pytest.mark.parametrize("num_queries", [1, 40])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 1.0])
def test_a_mask_is_applied_before_the_search_and_not_after(index: Index, num_queries: int, share: float) -> None:
    vectors, queries = rows(300), rows(num_queries, seed=3)
    index.add(np.arange(300), vectors)
    allowed = np.random.default_rng(4).random(300) < share

    scores, ids = index.search(queries, 10, allowed)

    places = np.flatnonzero(allowed)
    for query, row_scores, row_ids in zip(queries, scores, ids, strict=True):
        expected = slow_best(places, vectors[allowed], query, 10)
        assert set(row_ids[row_ids >= 0].tolist()) <= set(places.tolist())
        assert (row_ids >= 0).sum() == len(expected)
        np.testing.assert_allclose(row_scores[: len(expected)], expected, atol=1e-6)


def test_removed_ids_are_gone_and_unknown_ones_ignored(index: Index) -> None:
    vectors = rows(50)
    index.add(np.arange(50), vectors)

    index.remove(np.array([0, 7, 49, 1000, -5]))

    assert index.ids.tolist() == [number for number in range(50) if number not in {0, 7, 49}]
    assert 7 not in index.search(vectors[7:8], 47, None)[1]


def test_vectors_come_back_bit_for_bit_in_the_order_asked_for(index: Index) -> None:
    vectors = rows(60)
    index.add(np.arange(100, 140), vectors[:40])
    index.add(np.arange(200, 220), vectors[40:])
    index.remove(np.arange(110, 115))

    wanted = np.array([219, 100, 115, 109])

    assert index.vectors(wanted).tobytes() == vectors[[59, 0, 15, 9]].tobytes()


def test_adding_copies_what_it_is_given(index: Index) -> None:
    vectors = rows(3)
    kept = vectors.copy()
    index.add(np.arange(3), vectors)

    vectors[:] = 0

    assert index.vectors(np.arange(3)).tobytes() == kept.tobytes()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_after_any_history_faiss_holds_and_finds_what_the_reference_does(data: st.DataObject) -> None:
    exact, flat, last = ExactIndex(DIMENSION), FlatIndex(DIMENSION), 0
    for step in range(data.draw(st.integers(1, 6))):
        count = data.draw(st.integers(0, 30))
        ids = last + 1 + np.arange(count) * data.draw(st.integers(1, 4))
        last = int(ids[-1]) if count else last
        gone = np.array(data.draw(st.lists(st.integers(0, last + 3), max_size=12)), np.int64)
        for index in (exact, flat):
            index.add(ids, rows(count, seed=step))
            index.remove(gone)
    queries = rows(data.draw(st.sampled_from([1, 20])), seed=99)
    allowed = None
    if data.draw(st.booleans()):
        allowed = np.random.default_rng(data.draw(st.integers(0, 9))).random(len(exact.ids)) < 0.5

    one, other = exact.search(queries, 7, allowed), flat.search(queries, 7, allowed)

    assert exact.ids.tolist() == flat.ids.tolist()
    assert one[1].tolist() == other[1].tolist()
    np.testing.assert_allclose(one[0], other[0], atol=1e-6)
