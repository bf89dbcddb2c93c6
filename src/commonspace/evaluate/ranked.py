"""The measures of ``trec_eval`` over ranked lists: nDCG, average precision, recall, reciprocal rank, success.

Values are those of ``pytrec-eval-terrier``, ties included: scores are compared as 32-bit floats, and of equal ones the
document whose id sorts last stands first. A judged grade below one is not relevant, nor is what nobody judged.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Judgments", "Run", "chance_of", "measure_list", "measures_of", "ordered", "values_of"]

Judgments = Mapping[str, Mapping[str, int]]
"""Queries to documents to grades: one and above is relevant."""
Run = Mapping[str, Mapping[str, float]]
"""Queries to the documents found and their scores; higher is better."""


def measures_of(cutoffs: Sequence[int]) -> tuple[str, ...]:
    """The names of all measures: those of the whole list, then three at every cutoff."""
    at = [f"{name}@{k}" for name in ("nDCG", "recall", "hit") for k in cutoffs]
    return ("MAP", "MRR", *at)


def ordered(scores: Mapping[str, float]) -> list[str]:
    """Documents by score, best first; of equal ones (as 32-bit floats) the last by id comes first."""
    by_id = sorted(scores, reverse=True)
    return sorted(by_id, key=lambda document: -float(np.float32(scores[document])))


def measure_list(documents: Sequence[str], grades: Mapping[str, int], cutoffs: Sequence[int]) -> dict[str, float]:
    """Every measure of one ranked list; all are within 0 to 1 and higher is better.

    nDCG (Jarvelin and Kekalainen 2002) has the grade as gain and log2(rank + 1) as discount; its ideal list, like the
    denominators of recall and average precision, is of every relevant document, found or not. Hit is 1 where any
    relevant document stands within the cutoff. A query without a relevant document has 0 in everything.
    """
    gains = np.array([max(grades.get(document, 0), 0) for document in documents], np.float64)
    ideal = np.array(sorted((grade for grade in grades.values() if grade > 0), reverse=True), np.float64)
    found, num_relevant = gains > 0, len(ideal)
    if not num_relevant:
        return dict.fromkeys(measures_of(cutoffs), 0.0)
    places = np.flatnonzero(found) + 1
    precisions = np.arange(1, len(places) + 1) / places
    values = {"MAP": float(precisions.sum() / num_relevant), "MRR": float(1.0 / places[0]) if len(places) else 0.0}
    for k in cutoffs:
        values[f"nDCG@{k}"] = _discounted(gains[:k]) / _discounted(ideal[:k])
        values[f"recall@{k}"] = float(found[:k].sum() / num_relevant)
        values[f"hit@{k}"] = float(found[:k].any())
    return values


def values_of(run: Run, judgments: Judgments, cutoffs: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Each measure's value for every judged query, in their order; a query that the run lacks found nothing."""
    each = [measure_list(ordered(run.get(query, {})), grades, cutoffs) for query, grades in judgments.items()]
    return {name: np.array([values[name] for values in each], np.float64) for name in measures_of(cutoffs)}


def chance_of(judgments: Judgments, num_documents: int, cutoffs: Sequence[int], *, depth: int) -> dict[str, float]:
    """What a uniformly random order of the documents would score on average, exactly, in lists of ``depth``.

    A scorer that gives everything one score is such an order, where ids say nothing of relevance.
    """
    each = [_chance(grades, num_documents, cutoffs, min(depth, num_documents)) for grades in judgments.values()]
    return {name: float(np.mean([values[name] for values in each])) for name in measures_of(cutoffs)}


def _chance(grades: Mapping[str, int], num_documents: int, cutoffs: Sequence[int], depth: int) -> dict[str, float]:
    ideal = np.array(sorted((grade for grade in grades.values() if grade > 0), reverse=True), np.float64)
    num_relevant = len(ideal)
    if not num_relevant:
        return dict.fromkeys(measures_of(cutoffs), 0.0)
    ranks = np.arange(1, depth + 1)
    others = np.maximum(num_documents - num_relevant - ranks + 1, 0) / (num_documents - ranks + 1)
    missed = np.cumprod(others)  # the chance that none of the first documents is relevant
    first = np.concatenate([[1.0], missed[:-1]]) - missed
    after = (ranks - 1) * (num_relevant - 1) / max(num_documents - 1, 1)
    values = {
        "MAP": float(((1.0 + after) / ranks).sum() / num_documents),
        "MRR": float((first / ranks).sum()),
    }
    for k in cutoffs:
        seen = min(k, depth)
        mean = np.full(seen, ideal.sum() / num_documents)
        values[f"nDCG@{k}"] = _discounted(mean) / _discounted(ideal[:k])
        values[f"recall@{k}"] = seen / num_documents
        values[f"hit@{k}"] = float(1.0 - missed[seen - 1])
    return values


def _discounted(gains: NDArray[np.float64]) -> float:
    return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum())
