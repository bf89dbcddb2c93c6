"""The gate: a head is not promoted when a direction that was not meant to change loses more than its tolerance.

Training on some pairs moves everything else that goes through the same head. So every direction of every suite is
measured before and after. Those named in ``change`` may move; of the others none may lose more than ``tolerance``. A
direction that had no figure before (a new modality) has nothing to lose. The gate looks at the measured value, not at
its interval: a suite too small to see a loss cannot excuse one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, final

from pydantic import ConfigDict, Field

from commonspace.align.figures import Figures
from commonspace.core.errors import UsageError

__all__ = ["OWN_SUITE", "Change", "GateSpec", "Verdict", "judge", "may_change"]

OWN_SUITE = "test"
"""The suite of the pairs' own test split; a direction named without a suite is one of this."""

ROUNDING = 1e-9


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """Which directions may change, how much any other may lose, and on which measure.

    ``change`` lists directions: "text->image" is the test split's; "photos: text->image" that of a probe called photos.
    ``required`` also refuses a head that gains nothing: the mean of the listed directions must not fall below that
    of the better of what was there before and the closed forms.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    change: tuple[str, ...] = ()
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.02
    measure: Literal["R@1", "R@5", "R@10"] = "R@10"
    required: bool = False

    @property
    def cutoff(self) -> int:
        """The k of the measure."""
        return int(self.measure.removeprefix("R@"))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One direction before and after: by the gate's measure."""

    name: str
    before: float
    after: float
    allowed: bool
    tolerance: float

    @property
    def held(self) -> bool:
        """Whether it was allowed to change, or lost no more than its tolerance."""
        return self.allowed or self.before - self.after <= self.tolerance + ROUNDING


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a head may be promoted, every direction that was looked at, and the reasons against in words."""

    promoted: bool
    measure: str
    changes: tuple[Change, ...]
    reasons: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The verdict as it stands in JSON."""
        changes = [
            {
                "direction": each.name,
                "before": round(each.before, 4),
                "after": round(each.after, 4),
                "may_change": each.allowed,
                "held": each.held,
            }
            for each in self.changes
        ]
        return {
            "promoted": self.promoted,
            "measure": self.measure,
            "reasons": list(self.reasons),
            "directions": changes,
        }


def judge(
    before: Sequence[Figures], after: Sequence[Figures], spec: GateSpec, rivals: Sequence[Figures] = ()
) -> Verdict:
    """Hold every direction's figures after training against those before.

    Args:
        before: by the same names as ``after``; a direction that is missing here is new.
        after: every direction of every suite.
        spec: what may change, and how much else may be lost.
        rivals: the closed forms' figures, looked at only when a gain is required.

    Raises:
        UsageError: the list of directions that may change names one that was not measured.
    """
    measured = {each.name for each in after}
    for entry in spec.change:
        if not any(may_change(name, (entry,)) for name in measured):
            known = ", ".join(f'"{name}"' for name in sorted(measured))
            raise UsageError(f"The gate lets '{entry}' change, which is not measured.", fix=f"Measured are {known}.")
    start = {each.name: each.at(spec.cutoff).value for each in before}
    changes = tuple(
        Change(
            name=each.name,
            before=start[each.name],
            after=each.at(spec.cutoff).value,
            allowed=may_change(each.name, spec.change),
            tolerance=spec.tolerance,
        )
        for each in after
        if each.name in start
    )
    reasons = [_reason(each, spec) for each in changes if not each.held]
    if spec.required:
        reasons += _no_gain((*before, *rivals), after, spec)
    return Verdict(promoted=not reasons, measure=spec.measure, changes=changes, reasons=tuple(reasons))


def may_change(name: str, entries: Sequence[str]) -> bool:
    """Whether a direction (``suite: one->other``) is listed; an entry without a suite means the test split's."""
    return any(name == (entry if ":" in entry else f"{OWN_SUITE}: {entry}") for entry in entries)


def _reason(change: Change, spec: GateSpec) -> str:
    return (
        f"{change.name} fell from {change.before:.3f} to {change.after:.3f} ({spec.measure}), "
        f"which is {change.before - change.after:.3f} and more than {change.tolerance:.3f}"
    )


def _no_gain(others: Sequence[Figures], after: Sequence[Figures], spec: GateSpec) -> list[str]:
    """Systems that stand above the trained one, by their mean over the listed directions that both have."""
    wanted = {each.name: each.at(spec.cutoff).value for each in after if may_change(each.name, spec.change)}
    reasons = []
    for system in dict.fromkeys(each.system for each in others):
        held = {each.name: each.at(spec.cutoff).value for each in others if each.system == system}
        both = [name for name in wanted if name in held]
        rival, own = (sum(of[name] for name in both) for of in (held, wanted))
        if both and rival > own + ROUNDING:
            means = f"{own / len(both):.3f} against {rival / len(both):.3f}"
            reasons.append(f"training does not reach '{system}' where it should gain: {means} (mean {spec.measure})")
    return reasons
