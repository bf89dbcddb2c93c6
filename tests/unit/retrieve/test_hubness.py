"""Hubness corrections against slow loops typed from their papers; a correction that does not help is switched off."""

import math

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.retrieve.bank_choice import choose_bank, halves, mean_reciprocal_rank
from commonspace.retrieve.hubness import Bank, Estimator
from commonspace.retrieve.labelled import Labelled, matched

DIMENSION = 16


def rows(count: int, seed: int) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)))


def slow_nnn(bank: Vectors, item: Vectors, alpha: float, k: int) -> float:
    """NNN (Chowdhury et al. 2024): alpha times the mean of the item's k largest similarities to the bank."""
    similarities = sorted((float(np.dot(query.astype(float), item.astype(float))) for query in bank), reverse=True)
    return alpha * sum(similarities[:k]) / k


def slow_inverted_softmax(bank: Vectors, item: Vectors, query: Vectors, beta: float) -> float:
    """Inverted softmax (Smith et al. 2017): exp(beta s(q, d)) over the bank's mean of exp(beta s(b, d))."""
    total = sum(math.exp(beta * float(np.dot(each.astype(float), item.astype(float)))) for each in bank)
    return math.exp(beta * float(np.dot(query.astype(float), item.astype(float)))) / (total / len(bank))


@pytest.mark.parametrize(("alpha", "k"), [(0.75, 1), (0.5, 8), (1.0, 30)])
def test_nearest_is_the_mean_of_the_papers_loop(alpha: float, k: int) -> None:
    bank, items = rows(30, 1), rows(50, 2)

    biases = Bank(vectors=bank, estimator=Estimator.NEAREST, strength=alpha, k=k).bias(items)

    expected = [slow_nnn(bank, item, alpha, k) for item in items]
    np.testing.assert_allclose(biases, expected, atol=2e-6)


@pytest.mark.parametrize("beta", [1.0, 20.0, 300.0])
def test_softmax_ranks_as_the_papers_loop_does(beta: float) -> None:
    bank, items, queries = rows(30, 1), rows(40, 2), rows(5, 3)

    biases = Bank(vectors=bank, estimator=Estimator.SOFTMAX, strength=1.0, sharpness=beta).bias(items)

    for query in queries:
        corrected = items @ query - biases
        expected = [math.log(slow_inverted_softmax(bank, item, query, beta)) / beta for item in items]
        np.testing.assert_allclose(corrected, expected, atol=3e-6)


def test_centring_puts_the_mean_query_at_zero_for_every_item() -> None:
    bank, items = rows(30, 1), rows(40, 2)

    biases = Bank(vectors=bank, estimator=Estimator.MEAN, strength=1.0).bias(items)

    np.testing.assert_allclose((bank @ items.T - biases).mean(axis=0), 0.0, atol=2e-6)


@pytest.mark.parametrize("estimator", Estimator)
def test_an_items_bias_is_the_same_in_any_company_and_within_one(estimator: Estimator) -> None:
    bank = Bank(vectors=rows(30, 1), estimator=estimator, strength=1.0, k=8)
    items = rows(1300, 4)

    whole = bank.bias(items)

    np.testing.assert_array_equal(whole[700:705], bank.bias(items[700:705]))
    np.testing.assert_array_equal(whole, np.concatenate([bank.bias(items[:511]), bank.bias(items[511:])]))
    assert np.abs(whole).max() <= 1.0


@pytest.mark.parametrize("bad", [{"strength": 1.5}, {"strength": -0.1}, {"k": 0}, {"sharpness": 0.0}])
def test_a_bank_that_makes_no_sense_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="need 0 to 1"):
        Bank(**{"vectors": rows(3, 1), "estimator": Estimator.NEAREST, "strength": 0.5, **bad})  # type: ignore[arg-type]


def hubs(strength: float, seed: int = 0) -> tuple[dict[Modality, Labelled], Vectors]:
    """Forty concepts: texts near their picture, and pictures of which some lean to where all the texts lie."""
    random = np.random.default_rng(seed)
    centre = unit(random.standard_normal((1, DIMENSION)))
    concepts = tuple(f"c{number}" for number in range(40) for _ in range(2))
    own = np.repeat(unit(random.standard_normal((40, DIMENSION))), 2, axis=0)
    texts = unit(own + 2.0 * centre + 0.15 * random.standard_normal(own.shape))
    pull = strength * random.uniform(size=(len(own), 1))
    pictures = unit(own + pull * centre + 0.15 * random.standard_normal(own.shape))
    keys = tuple(str(number) for number in range(len(concepts)))
    bank = unit(unit(random.standard_normal((200, DIMENSION))) + 2.0 * centre)
    sides = {
        Modality.TEXT: Labelled(vectors=texts, concepts=concepts, keys=tuple(f"t{key}" for key in keys)),
        Modality.IMAGE: Labelled(vectors=pictures, concepts=concepts, keys=tuple(f"i{key}" for key in keys)),
    }
    return sides, bank


def test_pictures_that_every_text_finds_are_corrected() -> None:
    sides, bank = hubs(1.0)

    chosen = choose_bank(Modality.IMAGE, sides, bank, seed=0)

    assert chosen is not None
    pairs = matched(sides[Modality.TEXT], sides[Modality.IMAGE])
    corrected = pairs.less(chosen.bias(sides[Modality.IMAGE].vectors))
    assert mean_reciprocal_rank(corrected) > mean_reciprocal_rank(pairs) + 0.02


def test_a_bank_of_another_domain_that_does_not_help_is_switched_off() -> None:
    sides, bank = hubs(1.0)

    assert choose_bank(Modality.IMAGE, sides, -bank, seed=0) is None


def test_the_halves_share_no_concept_and_lose_none() -> None:
    sides, _ = hubs(1.0)

    first, second = halves(sides, seed=3)

    here, there = (set(half[Modality.IMAGE].concepts) for half in (first, second))
    assert not here & there
    assert here | there == set(sides[Modality.IMAGE].concepts)
    assert set(first[Modality.TEXT].concepts) == here


def test_reciprocal_rank_counts_ties_against_the_system_and_a_thing_is_no_answer_to_itself() -> None:
    row = unit(np.ones((1, 4)))
    side = Labelled(vectors=np.repeat(row, 4, axis=0), concepts=("a", "a", "b", "b"), keys=("1", "2", "3", "4"))

    assert mean_reciprocal_rank(matched(side, side)) == pytest.approx(1 / 3)
