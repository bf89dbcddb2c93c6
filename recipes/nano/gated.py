"""A gated head as nodes of a graph: what the tower said before, plus as much of a small network as its gate lets in.

``unit(base + sigmoid(gate(f)) branch(f))``, where ``f`` are the tower's features, standardised. The weights are those
that ``commonspace train`` saved (``head.safetensors``); the scaling lies beside the features that it learned from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from recipes.nano.graph import Graph

__all__ = ["GatedHead", "Scaling", "add_gated"]

SMALLEST_SPREAD = 1e-2
NORM_EPSILON = 1e-5
"""PyTorch's, in LayerNorm."""

Array = NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaling:
    """The middle and the inverse spread of every feature."""

    middle: Array
    scale: Array

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> "Scaling":
        """Take both from rows of features."""
        spread = features.std(axis=0, dtype=np.float64) + SMALLEST_SPREAD
        middle = features.mean(axis=0, dtype=np.float64)
        return cls(middle=middle.astype(np.float32), scale=(1 / spread).astype(np.float32))

    @classmethod
    def read(cls, path: Path) -> "Scaling":
        """Read what `write` wrote."""
        held = load_file(path)
        return cls(middle=held["middle"], scale=held["scale"])

    def write(self, path: Path) -> None:
        """Keep both as safetensors."""
        save_file({"middle": self.middle, "scale": self.scale}, path)

    def __call__(self, features: NDArray[np.floating]) -> Array:
        """Standardise rows of features."""
        return np.asarray((features - self.middle) * self.scale, dtype=np.float32)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GatedHead:
    """A head's weights by PyTorch's names, and the scaling of its features."""

    weights: Mapping[str, Array]
    scaling: Scaling

    @classmethod
    def read(cls, folder: Path, scaling: Path) -> "GatedHead":
        """Read a head that was trained, and the scaling that it was trained under."""
        return cls(weights=load_file(folder / "head.safetensors"), scaling=Scaling.read(scaling))


def add_gated(graph: Graph, features: str, base: str, head: GatedHead) -> str:
    """Add the head's nodes; returns the name of the unit vectors."""
    shifted = graph.add("Sub", features, graph.weight("head.middle", head.scaling.middle))
    standard = graph.add("Mul", shifted, graph.weight("head.scale", head.scaling.scale))
    opening = graph.add("Sigmoid", _dense(graph, head, "gate", standard))
    normed = graph.add(
        "LayerNormalization",
        standard,
        graph.weight("head.norm.weight", head.weights["branch.norm.weight"]),
        graph.weight("head.norm.bias", head.weights["branch.norm.bias"]),
        axis=-1,
        epsilon=NORM_EPSILON,
    )
    hidden = graph.add("Gelu", _dense(graph, head, "branch.first", normed), approximate="tanh")
    added = graph.add("Mul", opening, _dense(graph, head, "branch.last", hidden))
    return graph.unit(graph.add("Add", base, added))


def _dense(graph: Graph, head: GatedHead, name: str, value: str) -> str:
    return graph.dense(value, f"head.{name}", head.weights[f"{name}.weight"].T, head.weights[f"{name}.bias"])
