"""Fits a space's calibration from labelled vectors: banks that help, a logistic and a threshold a direction."""

from collections.abc import Mapping

import numpy as np

from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.retrieve.bank_choice import choose_bank, halves
from commonspace.retrieve.calibration import Calibration, Direction, Pair
from commonspace.retrieve.hubness import Bank
from commonspace.retrieve.labelled import Labelled, Matched, matched
from commonspace.retrieve.logistic import Logistic, fit_logistic
from commonspace.retrieve.shown import shown

__all__ = ["DEFAULT_PRIOR", "LIFT", "fit_calibration", "good_from"]

DEFAULT_PRIOR = 0.02
"""One relevant item in fifty: every direction is stated for the same collection, so they can be compared."""
MOST_NEGATIVES = 2_000_000
LIFT = 5.0
"""What is this many times likelier than an item drawn blindly is a good match in every direction: nobody is told that a
right answer is none because captions, which the fit saw, resemble their pictures more than questions do."""

Sides = Mapping[Modality, Labelled]
Banks = Mapping[Modality, Bank]


def fit_calibration(
    sides: Sides, *, bank: Vectors | None = None, prior: float = DEFAULT_PRIOR, seed: int = 0
) -> Calibration:
    """Fit every direction between the modalities of ``sides``; with ``bank``, hubs are corrected where that helps.

    Items are relevant to a query when their concepts are equal. ``bank`` (m x d) holds vectors of typical queries, none
    of them in ``sides``. Cost O(pairs of things) a direction.

    Raises:
        ValueError: a direction has no query with something to find, or none with something to refuse.
    """
    chosen = {} if bank is None else {tower: choose_bank(tower, sides, bank, seed=seed) for tower in sides}
    banks = {tower: best for tower, best in chosen.items() if best is not None}
    parts = halves(sides, seed=seed)
    pairs = [(query, tower) for query in sides for tower in sides]
    directions = {pair: _direction(pair, sides, parts, banks, prior) for pair in pairs}
    return Calibration(prior=prior, directions=directions, banks=banks)


def good_from(pairs: Matched) -> float:
    """The score that best tells the best right answers from the best wrong ones (Youden 1950: most J).

    A query's best wrong answer is what would stand first if the store held nothing for it. The score lies midway
    between two that were seen; of several as good, the middle one is taken.
    """
    right, wrong = pairs.best(right=True).astype(np.float64), pairs.best(right=False).astype(np.float64)
    seen = np.unique(np.concatenate([right, wrong[np.isfinite(wrong)]]))
    cuts = np.concatenate([seen[:1], (seen[:-1] + seen[1:]) / 2])
    found = 1.0 - np.searchsorted(np.sort(right), cuts) / len(right)
    fooled = 1.0 - np.searchsorted(np.sort(wrong), cuts) / len(wrong)
    best = np.flatnonzero(found - fooled >= (found - fooled).max() - 1e-12)
    return float(cuts[best[len(best) // 2]])


def _direction(pair: Pair, sides: Sides, parts: tuple[Sides, Sides], banks: Banks, prior: float) -> Direction:
    pairs = _pairs(pair, sides, banks)
    try:
        logistic = _fitted(pairs, prior)
    except ValueError as error:
        raise ValueError(f"{pair[0]}->{pair[1]}: {error}") from error
    at = float(logistic.probability(np.array([good_from(pairs)]))[0])
    return Direction(
        logistic=logistic,
        threshold=min(at, LIFT * prior) if logistic.slope else 1.0,
        num_queries=len(pairs.scores),
        error=_error([_pairs(pair, part, banks) for part in parts], prior),
    )


def _pairs(pair: Pair, sides: Sides, banks: Banks) -> Matched:
    query, tower = pair
    bank = banks.get(tower)
    return matched(sides[query], sides[tower], None if bank is None else bank.bias(sides[tower].vectors))


def _fitted(pairs: Matched, prior: float) -> Logistic:
    """The logistic of one direction; of very many irrelevant pairs, evenly spaced ones stand for all."""
    positive = pairs.scores[pairs.counted & pairs.relevant]
    negative = pairs.scores[pairs.counted & ~pairs.relevant]
    negative = negative[:: -(-len(negative) // MOST_NEGATIVES) or 1]
    labels = np.arange(len(positive) + len(negative)) < len(positive)
    return fit_logistic(np.concatenate([positive, negative]), labels, prior=prior)


def _error(parts: list[Matched], prior: float) -> float | None:
    """Expected calibration error of the first ten hits on each half of the concepts, fitted on the other half."""
    errors = []
    for here, there in (parts, parts[::-1]):
        try:
            logistic = _fitted(here, prior)
            errors.append(shown(there, prior).error(logistic))
        except ValueError:  # a half without a right or a wrong pair says nothing
            return None
    return float(np.mean(errors))
