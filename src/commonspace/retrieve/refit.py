"""A store's own calibration: what is fitted to half of its queries is believed as far as it helps the other half.

Nothing here decides: for every bias, direction and threshold there is what the store has now and what a fit would make
of it, on queries that the fit did not see, one value a query.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality
from commonspace.retrieve.answered import Answered
from commonspace.retrieve.bank_choice import candidates
from commonspace.retrieve.calibrate import LIFT, good_from
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.hubness import Bank
from commonspace.retrieve.labelled import Matched
from commonspace.retrieve.logistic import Logistic
from commonspace.retrieve.shown import Shown, fit_to_shown, shown

__all__ = [
    "BiasTrial",
    "DirectionTrial",
    "NoneTrial",
    "best_probabilities",
    "refused_from",
    "split_in_half",
    "try_biases",
    "try_direction",
    "try_none",
]

PRECISION = 0.9
ONE_SIDED = 1.645
"""The normal deviate that one in twenty exceeds."""
LEAST_GROUPS = 4
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BiasTrial:
    """One tower's bias: the best of all, and the ranks of the queries' best answers before and, unseen, with a fit."""

    best: Bank | None
    before: NDArray[np.int64]
    after: NDArray[np.int64]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DirectionTrial:
    """One direction: the logistic of all queries, and each half's first hits with the logistic of the other half.

    ``threshold`` is lenient: from where right answers part from wrong ones, or what is much likelier than chance.
    """

    logistic: Logistic
    threshold: float
    num_queries: int
    unseen: tuple[tuple[Shown, Logistic], ...]

    def error(self, logistic: Logistic | None = None) -> float:
        """The calibration error over both halves, with what their counterpart was fitted to, or with one logistic."""
        return float(np.mean([part.error(logistic or fitted) for part, fitted in self.unseen]))

    def errors(self, *, seed: int, num_resamples: int = 200) -> Floats:
        """The error over queries drawn anew, for a bootstrap interval."""
        random = np.random.default_rng(seed)
        drawn = np.empty((num_resamples, len(self.unseen)))
        for part, (first, fitted) in enumerate(self.unseen):
            num = int(first.queries.max()) + 1
            for place in range(num_resamples):
                times = np.bincount(random.integers(0, num, num), minlength=num)
                drawn[place, part] = first.error(fitted, times)
        return np.asarray(drawn.mean(axis=1), np.float64)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoneTrial:
    """When to say that there is no good match: the threshold of all queries, and what it did unseen, a query each.

    ``wrongly`` is of queries with an answer; ``rightly`` of those without, or of the former with their answers taken
    away where nobody named any (``taken_away``: then what is like the answers remains, and it is the harder question).
    """

    threshold: float
    wrongly: Mask
    rightly: Mask
    taken_away: bool

    def precision(self, wrongly: Mask | None = None, rightly: Mask | None = None) -> float | None:
        """Of the times that it was said, asked as often with an answer as without, how often it was so."""
        wrong = float(np.mean(self.wrongly if wrongly is None else wrongly))
        right = float(np.mean(self.rightly if rightly is None else rightly))
        return right / (right + wrong) if right + wrong else None

    def precisions(self, *, seed: int, num_resamples: int = 1000) -> Floats:
        """The precision over queries drawn anew, where anything was said, for a bootstrap interval."""
        random = np.random.default_rng(seed)
        drawn = []
        for _ in range(num_resamples):
            wrongly, rightly = (each[random.integers(0, len(each), len(each))] for each in (self.wrongly, self.rightly))
            drawn.append(self.precision(wrongly, rightly))
        return np.array([each for each in drawn if each is not None], np.float64)


def split_in_half(groups: NDArray[np.int64], *, seed: int) -> tuple[Mask, Mask]:
    """Two disjoint halves of the queries; those of one group (one answer, asked for in several ways) stay together.

    Where there are too few groups for that, every query is one of its own.
    """
    distinct = np.unique(groups)
    if len(distinct) < LEAST_GROUPS:
        groups = distinct = np.arange(len(groups))
    drawn = np.random.default_rng(seed).permutation(distinct)[: len(distinct) // 2]
    first = np.isin(groups, drawn)
    return first, ~first


def try_biases(answered: Sequence[Answered], current: Bank | None, bank: Bank | None, *, seed: int) -> BiasTrial | None:
    """Every correction over a bank's vectors, the tower's current one, and none; None where there is no query.

    The best on one half of the queries of each modality is measured on the other, both ways. ``answered`` are of one
    tower; ``bank`` lends its vectors, which must not be of these queries.
    """
    tried: list[Bank | None] = [current, None, *(() if bank is None else candidates(bank.vectors))]
    held = answered[0].held if answered else None
    if held is None or not any(each.has_answer.any() for each in answered):
        return None
    biases = [None if each is None else each.bias(held.vectors) for each in tried]
    ranks = np.concatenate([_ranks(each, biases) for each in answered], axis=1)
    groups = np.concatenate([each.groups[each.has_answer] for each in answered])
    values = 1.0 / ranks
    after = np.empty(ranks.shape[1], np.int64)
    for here in split_in_half(groups, seed=seed):
        best = int(np.argmax(values[:, here].mean(axis=1))) if here.any() else 0
        after[~here] = ranks[best, ~here]
    return BiasTrial(best=tried[int(np.argmax(values.mean(axis=1)))], before=ranks[0], after=after)


def try_direction(answered: Answered, bias: NDArray[np.float32], prior: float, *, seed: int) -> DirectionTrial | None:
    """Fit a direction to all queries and to each half of them; None where there are too few to tell."""
    first, second = split_in_half(answered.groups, seed=seed)
    try:
        halves = [answered.matched(bias, among=half) for half in (first, second)]
        fits = [fit_to_shown(half, prior) for half in halves]
        whole = answered.matched(bias)
        logistic = fit_to_shown(whole, prior)
        good = float(logistic.probability(np.array([good_from(whole)]))[0])
        return DirectionTrial(
            logistic=logistic,
            threshold=min(good, LIFT * prior) if logistic.slope else 1.0,
            num_queries=int(answered.has_answer.sum()),
            unseen=((shown(halves[0], prior), fits[1]), (shown(halves[1], prior), fits[0])),
        )
    except ValueError:  # a half shows no right hit, or no wrong one
        return None


def try_none(
    answered: Mapping[Modality, Answered],
    unanswered: Mapping[Modality, Answered] | None,
    calibration: Calibration,
    query: Modality,
    *,
    seed: int,
) -> NoneTrial | None:
    """When to say "no good match" to queries of one modality, over the towers of a store; None where nothing is known.

    ``unanswered`` are queries that nothing in the store answers; None takes the answers of the others away instead.
    Nine in ten of those told so are to have no answer.
    """
    there = np.logical_or.reduce([each.has_answer for each in answered.values()])
    if not there.any():
        return None
    with_answers = best_probabilities(answered, calibration, query, with_answers=True)[there]
    groups = _groups(list(answered.values()))[there]
    asked = answered if unanswered is None else unanswered
    without = best_probabilities(asked, calibration, query, with_answers=False)
    without = without[there] if unanswered is None else without
    wrongly, rightly = np.zeros(len(with_answers), np.bool_), np.zeros(len(without), np.bool_)
    others = groups if unanswered is None else np.arange(len(without))
    halves = zip(split_in_half(groups, seed=seed), split_in_half(others, seed=seed), strict=True)
    for here, also in halves:
        cut = refused_from(with_answers[here], without[also])
        wrongly[~here], rightly[~also] = with_answers[~here] < cut, without[~also] < cut
    return NoneTrial(
        threshold=refused_from(with_answers, without),
        wrongly=wrongly,
        rightly=rightly,
        taken_away=unanswered is None,
    )


def refused_from(with_answers: Floats, without: Floats, *, precision: float = PRECISION) -> float:
    """The probability below which to say "no good match", right at least so often; zero, which is never, where none is.

    Both hold the best probability that a query sees; queries with and without an answer count alike in sum. Of the cuts
    that are precise enough it is the one that parts the two best (Youden 1950). Wrong refusals count as often as they
    may well come among others (the upper end of their share, 95% one-sided): the cut is chosen on these very queries,
    and few of them promise little. So it is said too rarely rather than wrongly.
    """
    if not len(with_answers) or not len(without):
        return 0.0
    cuts = np.unique(np.concatenate([with_answers, without]))
    wrong = _at_most(np.searchsorted(np.sort(with_answers), cuts), len(with_answers))
    right = np.searchsorted(np.sort(without), cuts) / len(without)
    fine = np.flatnonzero((right > 0) & (right >= precision * (right + wrong)))
    return float(cuts[fine[np.argmax((right - wrong)[fine])]]) if len(fine) else 0.0


def _at_most(times: NDArray[np.integer], num: int) -> Floats:
    """The share that may well be behind so many times of ``num``: the upper end of Wilson's interval (1927)."""
    share, spread = times / num, ONE_SIDED**2 / num
    middle = share + spread / 2 + np.sqrt(spread * (share * (1 - share) + spread / 4))
    return np.asarray(middle / (1 + spread), np.float64)


def best_probabilities(
    answered: Mapping[Modality, Answered], calibration: Calibration, query: Modality, *, with_answers: bool
) -> Floats:
    """The best probability in each query's whole list, with its answers or with them taken away."""
    best = np.zeros(len(next(iter(answered.values())).queries))
    for tower, each in answered.items():
        scores = each.scored(calibration.bias(tower, each.held.vectors))
        probability = calibration.directions[query, tower].logistic.probability(scores)
        there = each.counted if with_answers else each.counted & ~each.relevant
        best = np.maximum(best, np.where(there, probability, 0.0).max(axis=1))
    return best


def _groups(towers: Sequence[Answered]) -> NDArray[np.int64]:
    """Queries by what answers them in the first tower that has an answer; -1 where none has."""
    groups = np.full(len(towers[0].queries), -1, np.int64)
    for place, each in enumerate(towers):
        mine = each.groups
        groups = np.where((groups < 0) & (mine >= 0), mine * len(towers) + place, groups)
    return groups


def _ranks(answered: Answered, biases: Sequence[NDArray[np.float32] | None]) -> NDArray[np.int64]:
    """Biases x queries: the rank of each query's best answer, ties counted against it."""
    return np.stack([_best_ranks(answered.matched(bias)) for bias in biases])


def _best_ranks(pairs: Matched) -> NDArray[np.int64]:
    best = pairs.best(right=True)[:, None]
    return np.asarray(1 + ((pairs.scores >= best) & pairs.counted & ~pairs.relevant).sum(axis=1), np.int64)
