"""The sensor tower: fixed features of a recording's stretch, and a trained head that takes them to the space."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import ModelError
from commonspace.core.item import Content, Trace
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.projection import Projection
from commonspace.encode.sensing.channels import Channel, by_quantity, channels_of, resampled, standardised
from commonspace.encode.sensing.kernels import kernel_answers, num_answers
from commonspace.encode.sensing.measures import (
    NUM_BANDS,
    NUM_LEVELS,
    NUM_RHYTHMS,
    bands,
    levels,
    main_period,
    power,
    rhythms,
)
from commonspace.encode.tower import Features
from commonspace.ingest.units import QUANTITIES

__all__ = ["NUM_FEATURES", "SensorPreparation", "SensorTower", "read_head"]

LENGTH: Final = 512
PERIOD_SAMPLES: Final = 32
"""The second look takes the middle sixteen of the strongest period, each at so many samples: pace does not matter."""
WIDE, NARROW = (1, 2, 4, 8, 16, 32), (1, 2, 4, 8)
NUM_FEATURES: Final = (
    num_answers(WIDE) + num_answers(NARROW) + NUM_BANDS + NUM_RHYTHMS + len(QUANTITIES) * (1 + NUM_LEVELS)
)


@final
@dataclass(frozen=True, slots=True)
class SensorPreparation:
    """A stretch of a recording to ``NUM_FEATURES`` numbers.

    Channels are ordered by name and their units made common first. Shapes, bands and rhythms are means over the
    channels; levels are kept apart by what is measured, so that volts are never taken for kelvins.
    """

    def __call__(self, content: Content) -> Features:
        """Measure one stretch."""
        if not isinstance(content, Trace):
            raise TypeError(f"a sensor tower takes Trace, not {type(content).__name__}")
        channels = channels_of(content)
        seen = np.mean([_seen(channel.samples, content.rate_hz) for channel in channels], axis=0)
        return np.concatenate([seen, *_levels(channels)]).astype(np.float32)


@final
class SensorTower:
    """Features to unit vectors through a linear head."""

    modality = Modality.SENSOR

    def __init__(self, head: Projection, mean: NDArray[np.float32], spread: NDArray[np.float32]) -> None:
        self._head = head
        self._mean, self._spread = mean, spread
        self.prepare = SensorPreparation()

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode features to unit vectors, one row each, in order."""
        return np.concatenate([self._head(self.scaled(features[None])) for features in batch])

    def scaled(self, features: Features) -> NDArray[np.float32]:
        """Features as the head learned from them, centred and in spreads, none beyond four."""
        spreads = (features.astype(np.float32) - self._mean) / self._spread
        return np.asarray(np.clip(spreads, -4, 4), dtype=np.float32)


def read_head(file: Path) -> SensorTower:
    """The tower of a safetensors file that has been checked against its hash.

    Raises:
        ModelError: it is not a head over this version's features.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        held = {name: value.astype(np.float32) for name, value in load(file.read_bytes()).items()}
        inputs, outputs = NUM_FEATURES, held["bias"].shape[0]
        shapes = {"weight": (outputs, inputs), "bias": (outputs,), "mean": (inputs,), "spread": (inputs,)}
        fits = held.keys() == shapes.keys() and all(held[name].shape == shape for name, shape in shapes.items())
    except (OSError, SafetensorError, KeyError, IndexError) as error:
        raise ModelError(f"{file} cannot be read as a head: {error}.", fix="Restore the space's folder.") from error
    if not fits or not all(np.isfinite(value).all() for value in held.values()) or not (held["spread"] > 0).all():
        raise ModelError(
            f"{file} is no head over {NUM_FEATURES} features.", fix="Use a space and a commonspace of the same age."
        )
    head = Projection(
        kind="linear",
        inputs=inputs,
        outputs=outputs,
        base=0,
        num_blocks=0,
        fingerprint="",
        weights={"skip.weight": held["weight"], "skip.bias": held["bias"]},
    )
    return SensorTower(head, held["mean"], held["spread"])


def _seen(samples: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """Shapes at the stretch's own scale and at that of its strongest period, bands and rhythms of one channel."""
    spectrum, frequencies = power(samples, rate_hz)
    period = main_period(spectrum, frequencies) * rate_hz
    half = max(4.0, period * LENGTH / PERIOD_SAMPLES / 2)
    middle = len(samples) / 2
    near = samples[max(0, int(middle - half)) : int(middle + half) + 1]
    return np.concatenate(
        [
            kernel_answers(standardised(resampled(samples, LENGTH)), WIDE),
            kernel_answers(standardised(resampled(near, LENGTH)), NARROW),
            bands(spectrum, frequencies),
            rhythms(samples, rate_hz, spectrum, frequencies),
        ]
    )


def _levels(channels: Sequence[Channel]) -> list[NDArray[np.float64]]:
    """For each quantity whether it is there, and the mean levels of its channels."""
    held = by_quantity(channels)
    rows = []
    for quantity in QUANTITIES:
        told = [levels(channel.samples) for channel in held.get(quantity, [])]
        mean = np.mean(told, axis=0) if told else np.zeros(NUM_LEVELS)
        rows.append(np.concatenate([[float(bool(told))], mean]))
    return rows
