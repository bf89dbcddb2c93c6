"""The trunk of the image tower is EfficientNet-Lite, its batch norms folded into its convolutions."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from recipes.nano.graph import FLOAT, Graph

__all__ = [
    "CLASSIFIER_BIAS",
    "CLASSIFIER_WEIGHT",
    "MEAN",
    "NUM_DEPTHS",
    "NUM_POOLED",
    "SIDE",
    "STD",
    "Reading",
    "read_trunk",
]

SIDE = 224
MEAN, STD = 127.0, 128.0
"""Pixels are scaled to (pixel - 127) / 128, as the TensorFlow weights were trained."""

CLASSIFIER_WEIGHT, CLASSIFIER_BIAS = "_fc.weight", "_fc.bias"
NORM_EPSILON = 1e-3
STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""EfficientNet-Lite0's stages: how many blocks each has, and the stride of its first."""

NUM_POOLED = 1280
DEPTHS = (2, 3, 4, 5, 6)
"""Stages whose output is read: 40, 80, 112, 192 and 320 channels."""
NUM_DEPTHS = 2 * (40 + 80 + 112 + 192 + 320)

State = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Map:
    """A feature map: the value's name, its side and its channels."""

    value: str
    side: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is read off the trunk: the classifier's input, and the mean and peak of each channel at five depths."""

    pooled: str
    depths: str


def read_trunk(graph: Graph, state: State, pixels: str) -> Reading:
    """Read uint8 pixels (batch, 224, 224, 3) as (batch, `NUM_POOLED`) and (batch, `NUM_DEPTHS`)."""
    shifted = graph.add("Sub", graph.add("Cast", pixels, to=FLOAT), graph.scalar(MEAN))
    scaled = graph.add("Mul", shifted, graph.scalar(1 / STD))
    image = _Map(value=graph.add("Transpose", scaled, perm=[0, 3, 1, 2]), side=SIDE, channels=3)
    image = _clipped(graph, _convolve(graph, state, ("_conv_stem", "_bn0"), image, 2))
    number = 0
    read: list[str] = []
    for stage, (num_blocks, stride) in enumerate(STAGES):
        for place in range(num_blocks):
            image = _block(graph, state, f"_blocks.{number}.", image, 1 if place else stride)
            number += 1
        if stage in DEPTHS:
            read += [graph.add(how, image.value, graph.ints(2, 3), keepdims=0) for how in ("ReduceMean", "ReduceMax")]
    depths = graph.add("Concat", *read, axis=-1)
    image = _clipped(graph, _convolve(graph, state, ("_conv_head", "_bn1"), image, 1))
    return Reading(pooled=graph.add("ReduceMean", image.value, graph.ints(2, 3), keepdims=0), depths=depths)


def _block(graph: Graph, state: State, prefix: str, image: _Map, stride: int) -> _Map:
    wide = image
    if f"{prefix}_expand_conv.weight" in state:
        wide = _clipped(graph, _convolve(graph, state, (f"{prefix}_expand_conv", f"{prefix}_bn0"), image, 1))
    wide = _clipped(graph, _convolve(graph, state, (f"{prefix}_depthwise_conv", f"{prefix}_bn1"), wide, stride))
    narrow = _convolve(graph, state, (f"{prefix}_project_conv", f"{prefix}_bn2"), wide, 1)
    if stride == 1 and narrow.channels == image.channels:
        return _Map(value=graph.add("Add", narrow.value, image.value), side=narrow.side, channels=narrow.channels)
    return narrow


def _convolve(graph: Graph, state: State, names: tuple[str, str], image: _Map, stride: int) -> _Map:
    """Convolve with TensorFlow's SAME padding: an odd pixel of padding goes to the right and the bottom."""
    name, norm = names
    weight, bias = _folded(state, name, norm)
    kernel = weight.shape[-1]
    side = ceil(image.side / stride)
    padding = max((side - 1) * stride + kernel - image.side, 0)
    before, after = padding // 2, padding - padding // 2
    value = graph.add(
        "Conv",
        image.value,
        graph.weight(f"{name}.weight", weight),
        graph.weight(f"{name}.bias", bias),
        strides=[stride, stride],
        pads=[before, before, after, after],
        group=image.channels // weight.shape[1],
    )
    return _Map(value=value, side=side, channels=weight.shape[0])


def _folded(state: State, name: str, norm: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    gain = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + NORM_EPSILON)
    weight = state[f"{name}.weight"] * gain[:, None, None, None]
    return weight, state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain


def _clipped(graph: Graph, image: _Map) -> _Map:
    value = graph.add("Clip", image.value, graph.scalar(0.0), graph.scalar(6.0))
    return _Map(value=value, side=image.side, channels=image.channels)
