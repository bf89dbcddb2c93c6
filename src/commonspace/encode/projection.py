"""A trained head at work, without PyTorch: a tower's features to unit vectors.

Reads the folder that ``commonspace.align.heads.save_head`` writes and computes what that module says a head computes,
in NumPy, equal to PyTorch within 1e-5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, final

import numpy as np
import orjson
from numpy.typing import NDArray

from commonspace.core.errors import ModelError, UsageError
from commonspace.core.vectors import Vectors, unit

__all__ = ["Projection", "load_projection"]

FORMAT = 1
LAYER_NORM_EPSILON = 1e-5

Rows = NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """One head: n x ``inputs`` features to n x ``outputs`` unit vectors. ``fingerprint`` is its weights' SHA-256.

    The input of a gated head is ``[features | base]``, the last ``base`` columns being the vectors that the space gave
    before.
    """

    kind: str
    inputs: int
    outputs: int
    base: int
    num_blocks: int
    fingerprint: str
    weights: Mapping[str, Rows]

    def __call__(self, features: NDArray[np.floating]) -> Vectors:
        """Project features, one row each.

        Raises:
            UsageError: they are not rows of ``inputs`` numbers.
        """
        if features.ndim != 2 or features.shape[1] != self.inputs:
            raise UsageError(
                f"This head takes rows of {self.inputs} features, not an array of shape {features.shape}.",
                fix="Give it the features of the tower that it was trained on.",
            )
        return unit(self._run(features.astype(np.float32)))

    def _run(self, x: Rows) -> Rows:
        if self.kind == "gated":
            features, base = x[:, : -self.base], x[:, -self.base :]
            opening = 1 / (1 + np.exp(-self._linear("gate", features)))
            return np.asarray(base + opening * self._branch(features), dtype=np.float32)
        kept = self._linear("skip", x) if "skip.weight" in self.weights else x
        return kept + self._branch(x) if "branch.last.weight" in self.weights else kept

    def _branch(self, x: Rows) -> Rows:
        h = self._norm("branch.norm", x)
        if self.num_blocks:
            h = _gelu(self._linear("branch.first", h))
        for number in range(self.num_blocks - 1):
            place = f"branch.blocks.{number}"
            h = h + _gelu(self._linear(f"{place}.linear", self._norm(f"{place}.norm", h)))
        return self._linear("branch.last", h)

    def _linear(self, place: str, x: Rows) -> Rows:
        return np.asarray(x @ self.weights[f"{place}.weight"].T + self.weights[f"{place}.bias"], dtype=np.float32)

    def _norm(self, place: str, x: Rows) -> Rows:
        centred = x - x.mean(axis=1, keepdims=True)
        spread = np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + LAYER_NORM_EPSILON)
        return np.asarray(centred / spread * self.weights[f"{place}.weight"] + self.weights[f"{place}.bias"])


def load_projection(folder: Path) -> Projection:
    """Read a head's folder, the weights checked against their hash before they are parsed.

    Raises:
        ModelError: a file is missing, changed, or not what its description says.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        told = orjson.loads((folder / "head.json").read_bytes())
        data = (folder / "head.safetensors").read_bytes()
        _require(told["format"] == FORMAT, f"it is of format {told['format']}, not {FORMAT}")
        _require(sha256(data).hexdigest() == told["sha256"], "the weights do not match their SHA-256")
        projection = _projection(told, load(data))
        _require(projection.weights.keys() == _shapes(told).keys(), "its layers are not those of its kind")
        for name, shape in _shapes(told).items():
            _require(projection.weights[name].shape == shape, f"{name} is not {shape}")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(
            f"There is no usable head in {folder}: {error}.", fix="Save it again, or restore it."
        ) from error
    return projection


def _projection(told: dict[str, Any], weights: Mapping[str, NDArray[np.generic]]) -> Projection:
    spec = told["spec"]
    return Projection(
        kind=str(spec["kind"]),
        inputs=int(told["inputs"]),
        outputs=int(told["outputs"]),
        base=int(spec["base"]),
        num_blocks=int(spec["blocks"]),
        fingerprint=str(told["sha256"]),
        weights={name: np.ascontiguousarray(value, dtype=np.float32) for name, value in weights.items()},
    )


def _shapes(told: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every weight that a head of this description has."""
    spec, inputs, outputs = told["spec"], int(told["inputs"]), int(told["outputs"])
    kind, hidden, blocks, features = spec["kind"], int(spec["hidden"]), int(spec["blocks"]), inputs - int(spec["base"])
    layers: dict[str, tuple[int, ...]] = {}
    if kind == "linear" or (kind == "residual" and spec["skip"] != "identity"):
        layers["skip"] = (outputs, inputs)
    if kind == "gated":
        layers["gate"] = (1, features)
    if kind in {"residual", "gated"}:
        layers |= {"branch.norm": (features,), "branch.last": (outputs, hidden if blocks else features)}
        layers |= {"branch.first": (hidden, features)} if blocks else {}
        for number in range(blocks - 1):
            layers |= {f"branch.blocks.{number}.norm": (hidden,), f"branch.blocks.{number}.linear": (hidden, hidden)}
    weights = {f"{name}.weight": shape for name, shape in layers.items()}
    return weights | {f"{name}.bias": shape[:1] for name, shape in layers.items()}


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition reads best in place
    if not holds:
        raise ValueError(otherwise)


def _gelu(x: Rows) -> Rows:
    """GELU in its tanh form (Hendrycks and Gimpel 2016, arXiv 1606.08415)."""
    return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), dtype=np.float32)
