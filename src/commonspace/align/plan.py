"""What a run is asked to do and what it says of itself: schedule, plan, progress, outcome; plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import cos, pi
from typing import Annotated, ClassVar, Literal, final

from pydantic import ConfigDict, Field

from commonspace.align.mixing import Mixing
from commonspace.align.negatives import HardNegatives
from commonspace.align.terms import Term

__all__ = ["Outcome", "Plan", "Progress", "Schedule"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long and how fast: AdamW, a linear warm-up, then a cosine down to ``floor`` times the rate.

    ``chunk`` rows are encoded at a time (0: the whole batch), with the whole batch's gradient all the same.
    ``average`` above zero trains as ever and keeps a running mean of the weights with this memory, which is what comes
    out. ``patience`` ends the run after so many watches without a better score; 0 never does.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    steps: Annotated[int, Field(ge=1)] = 2000
    batch: Annotated[int, Field(ge=2)] = 512
    chunk: Annotated[int, Field(ge=0)] = 0
    balance: Literal["rows", "kinds"] = "rows"
    rate: Annotated[float, Field(gt=0)] = 1e-3
    decay: Annotated[float, Field(ge=0)] = 0.05
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.05
    floor: Annotated[float, Field(ge=0, le=1)] = 0.0
    clip: Annotated[float, Field(gt=0)] = 1.0
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    checkpoint_steps: Annotated[int, Field(ge=1)] = 500
    watch_steps: Annotated[int, Field(ge=1)] = 100
    patience: Annotated[int, Field(ge=0)] = 0

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, from zero."""
        rising = round(self.warmup * self.steps)
        if step < rising:
            return self.rate * (step + 1) / rising
        share = (step - rising) / max(1, self.steps - rising)
        return self.rate * (self.floor + (1 - self.floor) * (1 + cos(pi * share)) / 2)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that decides a run's result, beside the pairs and the branches as they start."""

    terms: tuple[Term, ...]
    schedule: Schedule = field(default_factory=Schedule)
    mixing: Mixing = field(default_factory=Mixing)
    negatives: HardNegatives = field(default_factory=HardNegatives)
    seed: int = 0
    device: str = "auto"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How a step went: the loss, its weighted parts, and the watch's score if this step was watched."""

    step: int
    num_steps: int
    loss: float
    parts: Mapping[str, float]
    rate: float
    temperatures: Mapping[str, float]
    score: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended; the branches hold the best weights if it was watched, else the last."""

    steps: int
    best_step: int
    best_score: float | None
    temperatures: Mapping[str, float]
    stopped_early: bool
    resumed_from: int
