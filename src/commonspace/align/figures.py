"""What was measured of a direction, as plain values; who measures is above this room and handed in."""

from dataclasses import dataclass
from typing import Any, final

__all__ = ["CUTOFFS", "Figures", "Recall"]

CUTOFFS = (1, 5, 10)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """R@k: the share of queries with any item of their concept among the first k; its interval; what chance gives."""

    k: int
    value: float
    low: float
    high: float
    chance: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One direction of one suite under one system (``before``, ``ridge``, ``trained``, ...).

    ``recalls`` are at 1, 5 and 10. Intervals are 95%, of the mean over queries. ``num_left_out`` queries had no item of
    their concept to find.
    """

    suite: str
    direction: str
    system: str
    num_queries: int
    num_left_out: int
    num_items: int
    median_rank: float
    recalls: tuple[Recall, ...]

    @property
    def name(self) -> str:
        """``suite: one->other``, as the gate's list writes it."""
        return f"{self.suite}: {self.direction}"

    def at(self, k: int) -> Recall:
        """The recall at a cutoff; ``k`` is one of ``CUTOFFS``."""
        return next(recall for recall in self.recalls if recall.k == k)

    def to_dict(self) -> dict[str, Any]:
        """The figures as they stand in JSON."""
        recalls = {
            f"R@{each.k}": {
                "value": round(each.value, 4),
                "interval": [round(each.low, 4), round(each.high, 4)],
                "chance": round(each.chance, 4),
            }
            for each in self.recalls
        }
        return {
            "suite": self.suite,
            "direction": self.direction,
            "system": self.system,
            "num_queries": self.num_queries,
            "num_left_out": self.num_left_out,
            "num_items": self.num_items,
            "median_rank": self.median_rank,
            **recalls,
        }
