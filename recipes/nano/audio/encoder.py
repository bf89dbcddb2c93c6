"""What the sound tower hears with: Whisper tiny.en's convolutions and first two encoder layers, read at three depths.

Radford et al. 2022, arXiv 2212.04356. A window's features are the mean and the peak, over the frames in which the clip
sounds, of what the convolutions, the first and the second layer say. The rest of Whisper, its words, stays behind.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import final

import numpy as np
import onnx
from numpy.typing import NDArray

from commonspace.encode.nano.mel import MelSpec
from recipes.nano.audio.ctranslate import read_arrays
from recipes.nano.graph import FLOAT, Graph, Port
from recipes.nano.halve import halve

__all__ = ["NUM_FEATURES", "SPEC", "WINDOWS", "add_depths", "add_encoder", "read_encoder", "sound_reader"]

SPEC = MelSpec()
NUM_LAYERS = 2
NUM_HEADS = 6
WIDTH = 384
HEAD_WIDTH = WIDTH // NUM_HEADS
NUM_FEATURES = 2 * (NUM_LAYERS + 1) * WIDTH
NORM_EPSILON = 1e-5
LOWEST = -1e4
"""Added to frames in which nothing sounds, before the peak is taken."""

WINDOWS: Port = ("windows", FLOAT, ["n", SPEC.num_bands + 1, SPEC.window_frames])

Weights = Mapping[str, NDArray[np.float32]]


def read_encoder(model: Path) -> dict[str, NDArray[np.float32]]:
    """Read the encoder's weights out of CTranslate2's ``model.bin``."""
    arrays = read_arrays(model)
    kept = {name.removeprefix("encoder/"): array for name, array in arrays.items() if name.startswith("encoder/")}
    return {name: array.astype(np.float32) for name, array in kept.items() if array.ndim}


def sound_reader(weights: Weights) -> onnx.ModelProto:
    """Build the graph that says what a head learns from: windows to `features` (n x `NUM_FEATURES`)."""
    graph = Graph()
    features = add_encoder(graph, weights)
    model = graph.model(
        inputs=[WINDOWS],
        outputs={features: ("features", FLOAT, ["n", NUM_FEATURES])},
        notes="Whisper tiny.en's first two layers at three depths, over the frames that sound",
    )
    return halve(model)


def add_encoder(graph: Graph, weights: Weights) -> str:
    """Add the nodes from the input ``windows`` to the features; returns the value's name."""
    mel = graph.add("Slice", "windows", graph.ints(0), graph.ints(SPEC.num_bands), graph.ints(1))
    heard = _heard(graph)
    pooled = [_pooled(graph, depth, heard) for depth in add_depths(graph, weights, mel)]
    return graph.add("Concat", *(value for both in pooled for value in both), axis=-1)


def add_depths(graph: Graph, weights: Weights, mel: str, *, num_layers: int = NUM_LAYERS) -> list[str]:
    """Add what the convolutions, before positions, and each layer say of ``mel`` (n x frames / 2 x width each)."""
    encoder = _Encoder(graph, weights)
    hidden = graph.add("Transpose", encoder.convolved(mel), perm=[0, 2, 1])
    depths = [hidden]
    positions = weights["position_encodings/encodings"][: SPEC.window_frames // 2]
    hidden = graph.add("Add", hidden, graph.weight("positions", positions))
    for layer in range(num_layers):
        hidden = encoder.layer(f"layer_{layer}", hidden)
        depths.append(hidden)
    return depths


def _heard(graph: Graph) -> str:
    """The presence of every second frame, for the second convolution halves them (n x frames / 2 x 1)."""
    first, end = graph.ints(SPEC.num_bands, 0), graph.ints(SPEC.num_bands + 1, SPEC.window_frames)
    row = graph.add("Slice", "windows", first, end, graph.ints(1, 2), graph.ints(1, 2))
    return graph.add("Transpose", row, perm=[0, 2, 1])


def _pooled(graph: Graph, depth: str, heard: str) -> tuple[str, str]:
    """Mean and peak over the frames that are heard (n x width each)."""
    total = graph.add("ReduceSum", graph.add("Mul", depth, heard), graph.ints(1), keepdims=0)
    mean = graph.add("Div", total, graph.add("ReduceSum", heard, graph.ints(1), keepdims=0))
    silent = graph.add("Mul", graph.add("Sub", heard, graph.scalar(1.0)), graph.scalar(-LOWEST))
    return mean, graph.add("ReduceMax", graph.add("Add", depth, silent), graph.ints(1), keepdims=0)


@final
class _Encoder:
    """The nodes of one encoder; names of weights are CTranslate2's."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self._graph = graph
        self._weights = weights

    def convolved(self, mel: str) -> str:
        """Two convolutions (n x width x frames / 2)."""
        hidden = mel
        for name, stride in (("conv1", 1), ("conv2", 2)):
            kernel = self._weight(f"{name}/weight")
            bias = self._weight(f"{name}/bias")
            attributes = {"kernel_shape": [3], "pads": [1, 1], "strides": [stride]}
            hidden = self._graph.add("Gelu", self._graph.add("Conv", hidden, kernel, bias, **attributes))
        return hidden

    def layer(self, name: str, hidden: str) -> str:
        """Attention and a small network, each added to what goes in."""
        graph, place = self._graph, f"{name}/self_attention"
        query, key, value = self._projected(f"{place}/linear_0", self._norm(f"{place}/layer_norm", hidden))
        scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 1, 3, 2]))
        shares = graph.add("Softmax", graph.add("Mul", scores, graph.scalar(HEAD_WIDTH**-0.5)), axis=-1)
        mixed = graph.add("Transpose", graph.add("MatMul", shares, value), perm=[0, 2, 1, 3])
        joined = graph.add("Reshape", mixed, graph.ints(0, 0, WIDTH))
        hidden = graph.add("Add", hidden, self._dense(f"{place}/linear_1", joined))
        inner = graph.add("Gelu", self._dense(f"{name}/ffn/linear_0", self._norm(f"{name}/ffn/layer_norm", hidden)))
        return graph.add("Add", hidden, self._dense(f"{name}/ffn/linear_1", inner))

    def _projected(self, name: str, value: str) -> list[str]:
        """Query, key and value, each n x heads x frames x width of a head; one matrix holds all three."""
        graph = self._graph
        weights = np.split(self._weights[f"{name}/weight"], 3)
        biases = np.split(self._weights[f"{name}/bias"], 3)
        shape = graph.ints(0, 0, NUM_HEADS, HEAD_WIDTH)
        found = []
        for part, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
            wide = graph.dense(value, f"{name}/{part}", weight.T, bias)
            found.append(graph.add("Transpose", graph.add("Reshape", wide, shape), perm=[0, 2, 1, 3]))
        return found

    def _dense(self, name: str, value: str) -> str:
        return self._graph.dense(value, name, self._weights[f"{name}/weight"].T, self._weights[f"{name}/bias"])

    def _norm(self, name: str, value: str) -> str:
        scale, shift = self._weight(f"{name}/gamma"), self._weight(f"{name}/beta")
        return self._graph.add("LayerNormalization", value, scale, shift, axis=-1, epsilon=NORM_EPSILON)

    def _weight(self, name: str) -> str:
        return self._graph.weight(name, self._weights[name])
