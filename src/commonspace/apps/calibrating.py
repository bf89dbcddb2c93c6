"""Calibrates one store: hubs, probabilities and "no good match", each only where that helps queries it did not see.

What is measured against is what the store has now from its space. Labelled pairs judge everything; without them the
names of the items judge the bias alone, for names are not what people ask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.apps.calibration_report import BiasFound, CalibrationReport, DirectionFound, Estimate, NoneFound
from commonspace.apps.known_items import Asked, StoreSample
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.evaluate.metrics import bootstrap_interval
from commonspace.retrieve.answered import Answered
from commonspace.retrieve.calibrate import DEFAULT_PRIOR
from commonspace.retrieve.calibration import Calibration, Direction, Pair
from commonspace.retrieve.hubness import Bank, Estimator
from commonspace.retrieve.logistic import Logistic
from commonspace.retrieve.refit import DirectionTrial, NoneTrial, try_biases, try_direction, try_none

__all__ = ["Fitting", "refitted"]

LEAST_GAIN = 0.005
LEAST_QUERIES = 20
LEAST_PRECISION = 0.8
"""The low end of the interval of how often "no good match" is right to unseen queries; the fit asks for 0.9."""
WHOLE: Final = 1.0
Directions = dict[Pair, Direction]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitting:
    """What a store is calibrated from; ``labelled`` says whether the queries are people's, not items' names.

    ``unanswered`` are queries that nothing in the store answers.
    """

    towers: tuple[Modality, ...]
    sample: StoreSample
    asked: Mapping[Modality, Asked]
    labelled: bool
    unanswered: Mapping[Modality, Asked] = field(default_factory=dict)
    base: Calibration | None = None
    bank: Vectors | None = None
    seed: int = 0

    def answered(self, tower: Modality) -> dict[Modality, Answered]:
        """Every query modality's queries against one tower's items."""
        return {query: self.sample.answered(tower, asked) for query, asked in self.asked.items()}


def refitted(fitting: Fitting) -> tuple[Calibration | None, CalibrationReport]:
    """The store's own calibration, and how it was arrived at; None where the space's is as good as any."""
    answered = {tower: fitting.answered(tower) for tower in fitting.sample.held}
    biases = [_bias(fitting, tower, list(each.values())) for tower, each in answered.items()]
    base = fitting.base or Calibration(prior=DEFAULT_PRIOR, directions={})
    banks = dict(base.banks)
    for found in biases:
        banks.pop(found.tower, None)
        if found.bank is not None:
            banks[found.tower] = found.bank
    shifted = _recentred(fitting, replace(base, banks=banks))
    directions, calibration = _directions(fitting, shifted, answered) if fitting.labelled else ([], shifted)
    nones, calibration = _thresholds(fitting, calibration, answered) if fitting.labelled else ([], calibration)
    report = CalibrationReport(
        biases=tuple(biases),
        directions=tuple(directions),
        nones=tuple(nones),
        labelled=fitting.labelled,
        num_items=fitting.sample.whole,
        num_bank=0 if fitting.bank is None else len(fitting.bank),
        seed=fitting.seed,
    )
    return (calibration if report.adopted else None), report


def _bias(fitting: Fitting, tower: Modality, answered: Sequence[Answered]) -> BiasFound:
    """The tower's correction: another than now only if queries that it was not chosen on surely gain."""
    current = fitting.base.banks.get(tower) if fitting.base else None
    bank = None
    if fitting.bank is not None and len(fitting.bank):
        bank = Bank(vectors=fitting.bank, estimator=Estimator.NEAREST, strength=1.0)
    trial = try_biases(answered, current, bank, seed=fitting.seed)
    if trial is None or len(trial.before) < LEAST_QUERIES:
        num = 0 if trial is None else len(trial.before)
        return BiasFound(tower=tower, num_queries=num, bank=current, adopted=False, gain=None, first_gain=None)
    gain = _estimate(1.0 / trial.after - 1.0 / trial.before, fitting.seed)
    first = _estimate((trial.after == 1).astype(np.float64) - (trial.before == 1), fitting.seed)
    helps = gain.value >= LEAST_GAIN and gain.low > 0.0 and first.value >= 0.0
    return BiasFound(
        tower=tower,
        num_queries=len(trial.before),
        bank=trial.best if helps else current,
        adopted=helps and trial.best is not current,
        gain=gain,
        first_gain=first,
        reciprocal_rank=float(np.mean(1.0 / trial.before)),
        first=float(np.mean(trial.before == 1)),
    )


def _recentred(fitting: Fitting, calibration: Calibration) -> Calibration:
    """The space's logistics for scores that other biases are taken off: what they shift on average is given back."""
    if fitting.base is None:
        return calibration
    moved = dict(calibration.directions)
    for (query, tower), direction in calibration.directions.items():
        held = fitting.sample.held.get(tower)
        if held is None or calibration.banks.get(tower) is fitting.base.banks.get(tower):
            continue
        shift = float(np.mean(calibration.bias(tower, held.vectors) - fitting.base.bias(tower, held.vectors)))
        logistic = replace(
            direction.logistic, intercept=direction.logistic.intercept + direction.logistic.slope * shift
        )
        moved[query, tower] = replace(direction, logistic=logistic)
    return replace(calibration, directions=moved)


def _directions(
    fitting: Fitting, calibration: Calibration, answered: Mapping[Modality, Mapping[Modality, Answered]]
) -> tuple[list[DirectionFound], Calibration]:
    """Directions fitted anew where that errs less on unseen queries; all towers of a query modality or none."""
    found: list[DirectionFound] = []
    directions: Directions = dict(calibration.directions)
    for query in fitting.asked:
        for tower in fitting.sample.held:
            bias = calibration.bias(tower, fitting.sample.held[tower].vectors)
            now = directions.get((query, tower))
            each = _direction((query, tower), answered[tower][query], bias, (now, calibration.prior, fitting.seed))
            found.append(each)
            if each.adopted and each.direction is not None:
                directions[query, tower] = each.direction
        _complete(fitting, directions, query, calibration.prior)
    complete = {query for query, _ in directions if all((query, tower) in directions for tower in fitting.towers)}
    kept = {pair: each for pair, each in directions.items() if pair[0] in complete}
    told = [replace(each, adopted=each.adopted and each.pair in kept) for each in found]
    return told, replace(calibration, directions=kept)


def _direction(
    pair: Pair,
    answered: Answered,
    bias: NDArray[np.float32],
    known: tuple[Direction | None, float, int],
) -> DirectionFound:
    now, prior, seed = known
    trial = try_direction(answered, bias, prior, seed=seed)
    num = int(answered.has_answer.sum())
    if trial is None or num < LEAST_QUERIES:
        return DirectionFound(pair=pair, num_queries=num, direction=now, adopted=False, error=None, before=None)
    low, high = np.quantile(trial.errors(seed=seed), (0.025, 0.975))
    error, before = trial.error(), None if now is None else trial.error(now.logistic)
    fitted = Direction(logistic=trial.logistic, threshold=_same_cut(now, trial), num_queries=num, error=error)
    better = before is None or error < before
    return DirectionFound(
        pair=pair,
        num_queries=num,
        direction=fitted if better else now,
        adopted=better,
        error=Estimate(value=error, low=float(low), high=float(high)),
        before=before,
    )


def _same_cut(now: Direction | None, trial: DirectionTrial) -> float:
    """What was a good match stays one when only the probabilities change: the same score, as it is now said."""
    if now is None or not now.logistic.slope or not trial.logistic.slope or not 0.0 < now.threshold < 1.0:
        return trial.threshold
    return float(trial.logistic.probability(np.array([now.logistic.score(now.threshold)]))[0])


def _complete(fitting: Fitting, directions: Directions, query: Modality, prior: float) -> None:
    """A tower that made nothing in this store has the prior as its probability: nothing is said of it yet."""
    nothing = Logistic(slope=0.0, intercept=float(np.log(prior) - np.log1p(-prior)))
    if any(asked == query for asked, _ in directions):
        for tower in fitting.towers:
            if tower not in fitting.sample.held:
                directions.setdefault((query, tower), Direction(logistic=nothing, threshold=WHOLE))


def _thresholds(
    fitting: Fitting, calibration: Calibration, answered: Mapping[Modality, Mapping[Modality, Answered]]
) -> tuple[list[NoneFound], Calibration]:
    """When there is no good match, by the query's modality, where that is told rightly to unseen queries."""
    found: list[NoneFound] = []
    directions: Directions = dict(calibration.directions)
    for query in fitting.asked:
        if query not in calibration.queries:
            continue
        mine = {tower: each[query] for tower, each in answered.items()}
        trial = try_none(mine, _unanswered(fitting, query), calibration, query, seed=fitting.seed)
        if trial is None or min(len(trial.wrongly), len(trial.rightly)) < LEAST_QUERIES:
            continue
        told = _none_found(query, trial, fitting.seed)
        found.append(told)
        for tower in fitting.towers if told.adopted else ():
            now = directions[query, tower]
            threshold = trial.threshold if now.logistic.slope else WHOLE
            directions[query, tower] = replace(now, threshold=threshold)
    return found, replace(calibration, directions=directions)


def _unanswered(fitting: Fitting, query: Modality) -> dict[Modality, Answered] | None:
    """Queries without an answer against every tower; None where too few were named."""
    asked = fitting.unanswered.get(query)
    if asked is None or len(asked.vectors) < LEAST_QUERIES:
        return None
    return {tower: fitting.sample.answered(tower, asked) for tower in fitting.sample.held}


def _none_found(query: Modality, trial: NoneTrial, seed: int) -> NoneFound:
    precision, told = trial.precision(), None
    if precision is not None:
        low, high = np.quantile(trial.precisions(seed=seed), (0.025, 0.975))
        told = Estimate(value=precision, low=float(low), high=float(high))
    return NoneFound(
        query=query,
        num_queries=len(trial.wrongly),
        num_unanswered=len(trial.rightly),
        taken_away=trial.taken_away,
        threshold=trial.threshold,
        precision=told,
        recall=_estimate(trial.rightly.astype(np.float64), seed),
        adopted=trial.threshold > 0.0 and told is not None and told.low >= LEAST_PRECISION,
    )


def _estimate(values: NDArray[np.float64], seed: int) -> Estimate:
    interval = bootstrap_interval(values, seed=seed)
    return Estimate(value=float(values.mean()), low=interval.low, high=interval.high)
