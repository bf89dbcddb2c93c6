"""Every step's batch is a function of the seed and the step alone, and no row is lost or drawn twice."""

from collections import Counter

import numpy as np
import pytest

from commonspace.align.pairs import Pairs
from commonspace.align.sampling import Sampler, Sampling
from tests.unit.align.making import made_pairs, some_missing


def sampler(pairs: Pairs, batch: int, **how: object) -> Sampler:
    return Sampler(pairs, Sampling(batch=batch, **how), pairs.modalities)  # type: ignore[arg-type]


def test_a_round_draws_every_row_once() -> None:
    drawn = sampler(made_pairs(60), 20)

    rows = np.concatenate([drawn.rows(step) for step in range(3)])

    assert sorted(rows.tolist()) == list(range(60))
    assert drawn.steps_a_round == 3


def test_a_batch_can_be_drawn_again_without_those_before_it() -> None:
    first, second = sampler(made_pairs(), 32), sampler(made_pairs(), 32)
    for step in range(7):
        first.batch(step)

    one, other = first.batch(7), second.batch(7)

    assert one.rows.tolist() == other.rows.tolist()
    assert all(np.array_equal(one.features[name], other.features[name]) for name in one.features)


def test_a_batch_never_holds_a_row_twice_even_across_the_end_of_a_round() -> None:
    drawn = sampler(some_missing(made_pairs(50), "audio", 3), 32)

    for step in range(20):
        rows = drawn.rows(step)
        assert len(set(rows.tolist())) == len(rows)


def test_features_belong_to_the_rows_they_are_placed_at() -> None:
    pairs = some_missing(made_pairs(90), "audio", 3)
    batch = sampler(pairs, 30).batch(2)

    assert batch.places["text"].tolist() == list(range(30))
    for place, view in zip(batch.places["audio"], batch.features["audio"], strict=True):
        row = batch.rows[place]
        assert row % 3 != 0
        assert np.array_equal(view, pairs.take(np.array([row])).of("audio").features[0])


def test_a_row_of_many_views_shows_each_of_them_in_time() -> None:
    from commonspace.align.pairs import Views

    pairs = made_pairs(30).with_views("text", Views.of([np.arange(3, dtype=np.float32)[:, None]] * 30))
    drawn = sampler(pairs, 30)

    seen = Counter(float(view[0]) for step in range(20) for view in drawn.batch(step).features["text"])

    assert set(seen) == {0.0, 1.0, 2.0}
    assert min(seen.values()) > 120


@pytest.mark.parametrize(("balance", "expected"), [("rows", 2), ("kinds", 10)])
def test_a_rare_kind_of_row_has_its_share_of_every_batch(balance: str, expected: int) -> None:
    pairs = some_missing(made_pairs(150), "audio", 15)
    drawn = sampler(pairs, 20, balance=balance)

    rare = [int((drawn.rows(step) % 15 == 0).sum()) for step in range(5)]

    assert all(abs(count - expected) <= 1 for count in rare)


def test_neighbours_come_along_within_the_batch_size() -> None:
    drawn = sampler(made_pairs(60), 20)
    neighbours = ((np.arange(60)[:, None] + [30, 31]) % 60).astype(np.int64)

    rows = drawn.batch(0, neighbours, company=1).rows

    assert len(rows) <= 20
    near = [row for row in rows if {(row + 30) % 60, (row + 31) % 60, row - 30, row - 31} & set(rows.tolist())]
    assert len(near) == len(rows)
