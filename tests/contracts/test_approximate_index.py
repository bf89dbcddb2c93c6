"""What an index that is large enough to be approximate promises: recall, exact scores, true filters."""

import numpy as np
import pytest

from commonspace.core.vectors import Vectors, unit
from commonspace.index.exact import ExactIndex
from commonspace.index.index import Ids, Mask
from commonspace.index.kinds import DEPTHS, Choice, Kind, made
from commonspace.index.refined import MAX_DEAD_SHARE, MAX_GROWTH, RefinedIndex

DIMENSION = 32
NUM_ROWS = 8_000
NUM_QUERIES = 40
K = 10
LEAST_RECALL = 0.95
LEAST_FILTERED_RECALL = 0.99
KINDS = list(DEPTHS)


def clustered(count: int, seed: int, *, away: float = 0.0) -> Vectors:
    """Rows around 100 centres that are the same for every seed; ``away`` moves them all, as another modality lies."""
    fixed, draw = np.random.default_rng(0), np.random.default_rng(seed + 1)
    centres, direction = fixed.standard_normal((100, DIMENSION)), fixed.standard_normal(DIMENSION)
    rows = centres[draw.integers(0, 100, count)] + 0.7 * draw.standard_normal((count, DIMENSION)) + away * direction
    return unit(rows.astype(np.float32))


ROWS = clustered(NUM_ROWS, 0)
IDS = np.arange(7, 7 + 3 * NUM_ROWS, 3)
OWN, OTHER = clustered(NUM_QUERIES, 1), clustered(NUM_QUERIES, 2, away=0.6)


@pytest.fixture(scope="module", params=KINDS, ids=[kind.value for kind in KINDS])
def filled(request: pytest.FixtureRequest) -> RefinedIndex:
    """An index of each kind with all the rows, for tests that change nothing."""
    return full(request.param)


def full(kind: Kind, rows: Vectors = ROWS, ids: Ids = IDS) -> RefinedIndex:
    index = made(Choice(kind=kind), rows.shape[1])
    assert isinstance(index, RefinedIndex)
    index.add(ids, rows)
    return index


def recall(index: RefinedIndex, rows: Vectors, ids: Ids, queries: Vectors, allowed: Mask | None = None) -> float:
    """The share of the true best that is found."""
    truth = ExactIndex(rows.shape[1])
    truth.add(ids, rows)
    wanted, found = truth.search(queries, K, allowed)[1], index.search(queries, K, allowed)[1]
    shares = [
        len(set(one[one >= 0]) & set(other)) / max((one >= 0).sum(), 1)
        for one, other in zip(wanted, found, strict=True)
    ]
    return float(np.mean(shares))


@pytest.mark.parametrize("queries", [OWN, OTHER], ids=["own modality", "other modality"])
def test_nearly_all_of_the_nearest_are_found(filled: RefinedIndex, queries: Vectors) -> None:
    assert not filled.exact
    assert recall(filled, ROWS, IDS, queries) >= LEAST_RECALL


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
def test_a_filter_costs_no_recall_however_narrow(filled: RefinedIndex, share: float) -> None:
    allowed = np.random.default_rng(3).random(NUM_ROWS) < share

    found = filled.search(OTHER, K, allowed)[1]

    assert np.isin(found[found >= 0], IDS[allowed]).all()
    assert ((found >= 0).sum(axis=1) == min(K, allowed.sum())).all()
    assert recall(filled, ROWS, IDS, OTHER, allowed) >= LEAST_FILTERED_RECALL


def test_scores_are_exact_and_descend(filled: RefinedIndex) -> None:
    scores, found = filled.search(OTHER, K, None)

    rows = ROWS[(found - IDS[0]) // 3]
    np.testing.assert_allclose(scores, np.einsum("qkd,qd->qk", rows, OTHER), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert all(len(set(row)) == K for row in found.tolist())


def test_one_query_finds_what_it_finds_among_others(filled: RefinedIndex) -> None:
    together = filled.search(OTHER, K, None)[1]
    alone = np.concatenate([filled.search(query[np.newaxis], K, None)[1] for query in OTHER])

    assert (together == alone).mean() > LEAST_FILTERED_RECALL


def test_wanting_more_than_there_are_brings_all(filled: RefinedIndex) -> None:
    found = filled.search(OTHER[:2], NUM_ROWS + 5, None)[1]

    assert (np.sort(found[:, :NUM_ROWS], axis=1) == IDS).all()
    assert (found[:, NUM_ROWS:] == -1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_removed_rows_are_never_found_before_and_after_the_rebuild(kind: Kind) -> None:
    index = full(kind)
    index.search(OWN, K, None)
    order = np.random.default_rng(4).permutation(NUM_ROWS)

    for end in (int(MAX_DEAD_SHARE * NUM_ROWS / 2), int(MAX_DEAD_SHARE * NUM_ROWS * 1.5)):
        index.remove(IDS[order[:end]])
        kept = np.sort(order[end:])

        assert np.array_equal(index.ids, IDS[kept])
        assert not np.isin(index.search(OTHER, K, None)[1], IDS[order[:end]]).any()
        assert recall(index, ROWS[kept], IDS[kept], OTHER) >= LEAST_RECALL
        assert index.vectors(IDS[kept[:50]]).tobytes() == ROWS[kept[:50]].tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_added_later_are_found_while_growing_past_a_rebuild(kind: Kind) -> None:
    first = 5_100
    many = np.concatenate([ROWS, clustered(int(MAX_GROWTH * first) + 100 - NUM_ROWS, 5)])
    ids = np.arange(len(many))
    index = made(Choice(kind=kind), DIMENSION)
    assert isinstance(index, RefinedIndex)

    for start, end in ((0, first), (first, first + 900), (first + 900, len(many))):
        index.add(ids[start:end], many[start:end])

        assert recall(index, many[:end], ids[:end], OTHER) >= LEAST_RECALL
        assert (index.search(many[end - 5 : end], 1, None)[1][:, 0] == ids[end - 5 : end]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_bias_as_one_number_more_counts_in_the_choice_of_candidates(kind: Kind) -> None:
    bias = 0.4 * np.random.default_rng(6).standard_normal((NUM_ROWS, 1)).clip(-1, 1).astype(np.float32)
    rows = np.concatenate([ROWS, bias], axis=1)
    queries = np.concatenate([OTHER, np.full((NUM_QUERIES, 1), -1, np.float32)], axis=1)

    assert recall(full(kind, rows), rows, IDS, queries) >= LEAST_RECALL


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_dumped_is_restored_over_the_same_rows_and_grows_on(kind: Kind) -> None:
    whole = full(kind)
    data = whole.dump()
    assert data is not None
    again = made(Choice(kind=kind), DIMENSION)
    assert isinstance(again, RefinedIndex)

    again.restore(IDS, ROWS, data, NUM_ROWS)

    assert np.array_equal(again.search(OTHER, K, None)[1], whole.search(OTHER, K, None)[1])
    late = clustered(20, 8)
    again.add(np.arange(90_000, 90_020), late)
    assert (again.search(late, 1, None)[1][:, 0] == np.arange(90_000, 90_020)).all()


def test_read_only_rows_are_held_where_they_are_and_others_copied() -> None:
    held, copied = clustered(3, 9), clustered(3, 9)
    held.flags.writeable = False
    index = made(Choice(kind=Kind.SCAN), DIMENSION)
    index.add(np.arange(3), held)
    index.add(np.arange(3, 6), copied)
    copied[:] = 0

    assert index.vectors(np.arange(6)).tobytes() == np.concatenate([held, held]).tobytes()


def test_the_recall_bound_can_fail(filled: RefinedIndex) -> None:
    """Queries answered with the rows of others fall far below it."""
    wrong = made(Choice(kind=Kind.SCAN), DIMENSION)
    assert isinstance(wrong, RefinedIndex)
    wrong.add(IDS, ROWS[::-1])

    assert recall(wrong, ROWS, IDS, OWN) < LEAST_RECALL <= recall(filled, ROWS, IDS, OWN)
