"""What the towers cost on this machine: a few batches of each, run before the first request."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np

from commonspace.core.item import Audio, Clip, Row, Trace
from commonspace.core.modality import Modality
from commonspace.encode.prepare import Preparer
from commonspace.encode.tower import Features, Tower
from commonspace.ingest.plan import Plan
from commonspace.serve.cost import Curve, Observation, fit_curve, units_of

__all__ = ["measure_curves"]

SIZES: Final = (1, 4)
REPEATS: Final = 3
TOGETHER: Final = 12
"""More than a network takes in one batch: what it does for batches side by side, it does before the first request."""
WORDS: Final = (8, 40, 120)
SECONDS: Final = (1.0, 10.0)
SIDE: Final = 512
RECORDING_SAMPLES: Final = 500


def measure_curves(preparer: Preparer, towers: Mapping[Modality, Tower]) -> dict[Modality, Curve]:
    """Run each tower over made-up items of several sizes, alone on the machine; the least of three times counts."""
    return {modality: fit_curve(list(_observed(preparer, tower))) for modality, tower in towers.items()}


def _observed(preparer: Preparer, tower: Tower) -> Iterator[Observation]:
    samples = _samples(preparer, tower.modality)
    tower.encode(samples * (TOGETHER // len(samples)))
    for features in samples:
        for size in SIZES:
            batch = [features] * size
            tower.encode(batch)
            seconds = min(_timed(lambda batch=batch: tower.encode(batch)) for _ in range(REPEATS))  # type: ignore[misc]
            yield Observation(units=size * units_of(tower.modality, features), seconds=seconds)


def _samples(preparer: Preparer, modality: Modality) -> list[Features]:
    prepare = preparer.preparations[modality]
    noise = np.random.default_rng(0)
    if modality == Modality.TEXT:
        return [prepare("word " * count) for count in WORDS]
    if modality == Modality.IMAGE:
        side = min(preparer.plan.image_side, SIDE)
        return [prepare(noise.integers(0, 255, (side, side, 3), dtype=np.uint8))]
    if modality == Modality.VIDEO:
        side = min(preparer.plan.image_side, SIDE)
        shape = (max(1, preparer.plan.clip_frames), side, side, 3)
        return [prepare(Clip(frames=noise.integers(0, 255, shape, dtype=np.uint8)))]
    if modality == Modality.SENSOR:
        return [prepare(_recording(noise))]
    if modality == Modality.TABLE:
        return [prepare(Row(columns=("word",), types=("text",), cells=("word " * 40,), shares=(None,)))]
    return [prepare(_sound(noise, preparer.plan, seconds)) for seconds in SECONDS]


def _sound(noise: np.random.Generator, plan: Plan, seconds: float) -> Audio:
    samples = noise.normal(0.0, 0.1, int(seconds * plan.audio_rate)).astype(np.float32)
    return Audio(array=samples, rate=plan.audio_rate)


def _recording(noise: np.random.Generator) -> Trace:
    samples = noise.normal(0.0, 1.0, (RECORDING_SAMPLES, 1)).astype(np.float32)
    return Trace(array=samples, rate_hz=50.0, channels=("acceleration",), units=("m/s^2",))


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
