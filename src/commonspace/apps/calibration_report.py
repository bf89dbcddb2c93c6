"""What calibrating a store found: every figure is of queries that the fit behind it did not see."""

from dataclasses import asdict, dataclass
from typing import Any, final

from commonspace.core.modality import Modality
from commonspace.retrieve.calibration import Direction, Pair
from commonspace.retrieve.hubness import Bank, Estimator

__all__ = ["BiasFound", "CalibrationReport", "DirectionFound", "Estimate", "NoneFound", "bank_words"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95% bootstrap interval over queries."""

    value: float
    low: float
    high: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BiasFound:
    """One tower's hubness correction from now on, and what the best one gained over what was there.

    ``gain`` is of the mean reciprocal rank, ``first_gain`` of R@1; None where there were too few queries.
    """

    tower: Modality
    num_queries: int
    bank: Bank | None
    adopted: bool
    gain: Estimate | None
    first_gain: Estimate | None
    reciprocal_rank: float = 0.0
    first: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The facts as they stand in JSON answers."""
        return {
            "tower": self.tower.value,
            "num_queries": self.num_queries,
            "bank": bank_words(self.bank),
            "adopted": self.adopted,
            "reciprocal_rank": self.reciprocal_rank,
            "gain": self.gain and asdict(self.gain),
            "recall_at_1": self.first,
            "recall_at_1_gain": self.first_gain and asdict(self.first_gain),
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DirectionFound:
    """One direction's calibration error on the first ten hits, with a fit and with what was there before."""

    pair: Pair
    num_queries: int
    direction: Direction | None
    adopted: bool
    error: Estimate | None
    before: float | None

    def to_dict(self) -> dict[str, Any]:
        """The facts as they stand in JSON answers."""
        return {
            "direction": "->".join(self.pair),
            "num_queries": self.num_queries,
            "adopted": self.adopted,
            "error": self.error and asdict(self.error),
            "error_before": self.before,
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NoneFound:
    """How far "no good match" can be trusted: precision when it is said, and how often an unanswerable query hears it.

    Queries with and without an answer count alike in sum. ``taken_away``: nobody named queries without an answer, so
    the answers of the others were taken away.
    """

    query: Modality
    num_queries: int
    num_unanswered: int
    taken_away: bool
    threshold: float
    precision: Estimate | None
    recall: Estimate
    adopted: bool

    def to_dict(self) -> dict[str, Any]:
        """The facts as they stand in JSON answers."""
        return {**asdict(self), "query": self.query.value}


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationReport:
    """What was tried for a store and what it uses from now on; ``num_unused`` pairs and queries could not be used."""

    biases: tuple[BiasFound, ...]
    directions: tuple[DirectionFound, ...]
    nones: tuple[NoneFound, ...]
    labelled: bool
    num_items: int
    num_bank: int
    seed: int
    num_unused: int = 0

    @property
    def adopted(self) -> bool:
        """Whether the store now has a calibration of its own."""
        biases, directions, nones = self.biases, self.directions, self.nones
        return any(
            [*(one.adopted for one in biases), *(one.adopted for one in directions), *(one.adopted for one in nones)]
        )

    def to_dict(self) -> dict[str, Any]:
        """The report as it stands in JSON answers."""
        return {
            "adopted": self.adopted,
            "judged_by": "pairs" if self.labelled else "names",
            "num_items": self.num_items,
            "num_bank": self.num_bank,
            "num_unused": self.num_unused,
            "seed": self.seed,
            "biases": [each.to_dict() for each in self.biases],
            "directions": [each.to_dict() for each in self.directions],
            "no_good_match": [each.to_dict() for each in self.nones],
        }


def bank_words(bank: Bank | None) -> str:
    """A correction in a few words."""
    if bank is None:
        return "off"
    how = {Estimator.NEAREST: f", k {bank.k}", Estimator.SOFTMAX: f", sharpness {bank.sharpness:g}", Estimator.MEAN: ""}
    return f"{bank.estimator} x {bank.strength:g}{how[bank.estimator]}"
