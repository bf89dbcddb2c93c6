"""One query's judge: scores of any modality become probabilities, which may be weighed and compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, final

import numpy as np

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.retrieve.calibration import Calibration

if TYPE_CHECKING:
    from commonspace.retrieve.rerank import Reranker

__all__ = ["Judge", "Judging", "Verdict", "uncalibrated"]

Weights = Mapping[Modality, float]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a score means: how likely it is relevant, whether that is a good match, and what it ranks by.

    ``worth`` is the probability times ``weight``, that of the item's modality.
    """

    probability: float
    good: bool
    worth: float
    log_odds: float
    weight: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A calibration as one query of a known modality sees it; ``weights`` are by the item's modality."""

    calibration: Calibration
    query: Modality
    weights: Weights

    @property
    def towers(self) -> tuple[Modality, ...]:
        """The towers whose vectors can be judged."""
        return self.calibration.towers

    def weight(self, item: Modality) -> float:
        """What the probability of items of a modality is multiplied by."""
        return self.calibration.weights.get(item, 1.0) * self.weights.get(item, 1.0)

    def judge(self, item: Modality, tower: Modality, score: float, shift: float = 0.0) -> Verdict:
        """Weigh one score, and ``shift``: what else speaks for the item, in log-odds.

        Within one tower and item modality the worth never falls as the score rises.
        """
        direction = self.calibration.directions[self.query, tower]
        logistic = replace(direction.logistic, intercept=direction.logistic.intercept + shift)
        probability = float(logistic.probability(np.array([score]))[0])
        weight = self.weight(item)
        return Verdict(
            probability=probability,
            good=probability >= direction.threshold,
            worth=weight * probability,
            log_odds=logistic.slope * score + logistic.intercept,
            weight=weight,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """A calibration, if there is one, with the weights that a person set on top of its own.

    It is the store's own where it has one, else the space's; ``of_space`` is the space's in any case. ``reranker`` has
    the last word on the order of the first few hits.
    """

    calibration: Calibration | None = None
    weights: Weights = field(default_factory=dict)
    of_space: Calibration | None = None
    reranker: "Reranker | None" = None

    def of(self, query: Modality, weights: Weights | None = None) -> Judge | None:
        """The judge of a query; None where the space says no probabilities for this modality.

        Raises:
            UsageError: weights were set, or ``weights`` given, and there is nothing to weigh.
        """
        asked = {**self.weights, **(weights or {})}
        for modality, weight in asked.items():
            if not 0.0 <= weight < float("inf"):
                raise UsageError(f"The weight of {modality} is {weight}.", fix="Give a number of zero or more.")
        if self.calibration is None or query not in self.calibration.queries:
            if any(weight != 1.0 for weight in asked.values()):
                raise uncalibrated(query, "Weights multiply")
            return None
        return Judge(calibration=self.calibration, query=query, weights=asked)


def uncalibrated(query: Modality, what: str) -> UsageError:
    """The error for asking a space without calibration for what only a calibrated one can do."""
    return UsageError(
        f"{what} probabilities, and this space has none for {query} queries.",
        fix="Leave weights and least probabilities out, or use a calibrated space (docs/spaces.md).",
    )
