"""Recordings with known labels, made from formulas and a seed; those to judge by have a pace, rate and words unseen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from commonspace.core.item import Trace
from recipes.nano.sensing.bodies import BODIES
from recipes.nano.sensing.concepts import Concept, Studio
from recipes.nano.sensing.nature import NATURE
from recipes.nano.sensing.things import THINGS

__all__ = ["CONCEPTS", "LEARNED_PACE", "OTHER_PACE", "STRANGERS", "Recording", "captions", "made"]

CONCEPTS: Final = (*BODIES, *THINGS, *NATURE)
LEARNED_PACE: Final = (0.0, 0.75)
OTHER_PACE: Final = (0.75, 1.0)
"""Recordings to learn from are slower than those to judge by."""
STRANGERS: Final = frozenset(
    {"stairs", "waving", "bradycardia", "panting", "misalignment", "freezer", "kettle", "blast", "tsunami", "take-off"}
)
"""Concepts that a head to be judged never learns of: no recording, no word."""
LEARNED: Final = ("{}", "{}, measured by {}", "a sensor recording of {}", "{} as {} saw it")
OTHER: Final = ("find the trace of {}", "data logged during {}")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """A recording and its concept."""

    concept: Concept
    trace: Trace


def made(concept: Concept, count: int, *, seed: int, learned: bool) -> Iterator[Recording]:
    """So many recordings of a concept; ``learned`` says whether they are of those to learn from."""
    instrument = concept.instrument
    paces = LEARNED_PACE if learned else OTHER_PACE
    rates = instrument.seen_rates if learned else instrument.other_rates
    words = int.from_bytes(concept.key.encode()[:7], "big")
    rng = np.random.default_rng([seed, int(learned), words])
    for _ in range(count):
        rate = float(rng.choice(rates))
        times = np.arange(round(instrument.seconds * rng.uniform(instrument.shortest, 1.0) * rate)) / rate
        samples = concept.signal(Studio(rng=rng, t=times, pace=float(rng.uniform(*paces))))
        unit, factor, offset = instrument.units[int(rng.integers(len(instrument.units)))]
        trace = Trace(
            array=(samples * factor + offset).astype(np.float32),
            rate_hz=rate,
            channels=instrument.channels,
            units=(unit,) * len(instrument.channels),
        )
        yield Recording(concept=concept, trace=trace)


def captions(concept: Concept, *, learned: bool) -> list[str]:
    """What may be said of a concept's recordings: the wordings to learn from, or those held back."""
    words, templates = (concept.words[:-1], LEARNED) if learned else (concept.words[-1:], OTHER)
    return [template.format(word, concept.instrument.name) for template in templates for word in words]
