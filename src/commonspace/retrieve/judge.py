"""One query's judge: scores of any modality become probabilities, which may be weighed and compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.retrieve.calibration import Calibration

__all__ = ["Judge", "Judging", "Verdict", "uncalibrated"]

Weights = Mapping[Modality, float]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a score means: how likely it is relevant, whether that is a good match, and what it ranks by."""

    probability: float
    good: bool
    worth: float


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

    def judge(self, item: Modality, tower: Modality, score: float) -> Verdict:
        """Weigh one score. Within one tower and item modality the worth never falls as the score rises."""
        direction = self.calibration.directions[self.query, tower]
        probability = float(direction.logistic.probability(np.array([score]))[0])
        weight = self.calibration.weights.get(item, 1.0) * self.weights.get(item, 1.0)
        return Verdict(probability=probability, good=probability >= direction.threshold, worth=weight * probability)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """A space's calibration, if it has one, with the weights that a person set on top of the space's own."""

    calibration: Calibration | None = None
    weights: Weights = field(default_factory=dict)

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
