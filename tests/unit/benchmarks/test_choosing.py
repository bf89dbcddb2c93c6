"""Weights are chosen on one half of the concepts and reported on the other, and nothing is in both."""

import csv

import numpy as np

from benchmarks.choosing import best, choice_half
from benchmarks.product_catalogue import catalogue
from benchmarks.products import halves_of, tasks
from benchmarks.retrieval import LABELLED


def concepts() -> list[str]:
    with (LABELLED / "labels.tsv").open(encoding="utf-8", newline="") as file:
        return [row["concept"] for row in csv.DictReader(file, delimiter="\t")]


def test_half_of_the_concepts_choose_the_same_for_the_same_split() -> None:
    every = concepts()

    half = choice_half(every)

    assert len(half) == len(set(every)) // 2
    assert half == choice_half(sorted(every, reverse=True))
    assert half != choice_half(every, 1)


def test_the_best_mean_over_kinds_is_chosen_whatever_their_sizes_and_of_equal_ones_the_least() -> None:
    values = {
        0.5: {"few": np.array([1.0]), "many": np.full(9, 0.2)},
        1.0: {"few": np.array([0.2]), "many": np.full(9, 0.9)},
        2.0: {"few": np.array([0.9]), "many": np.full(9, 0.3)},
    }

    assert best(values) == 0.5
    assert best(dict.fromkeys((3.0, 2.0), values[0.5])) == 2.0


def test_no_kind_of_product_both_chooses_a_weight_and_reports_on_it() -> None:
    products = catalogue(0)
    choosing, reporting = halves_of(products, 30)

    asked = [{task.photo.kind for task in tasks(half, lambda *_: True)} for half in (choosing, reporting)]

    assert not choosing.kinds & reporting.kinds
    assert asked[0] <= choosing.kinds <= choice_half(concepts())
    assert asked[1] <= reporting.kinds
