"""The image tower reads a classifier's opinion as text, and a trained head adds what the classifier has no class for.

The opinion is the mean of class vectors, weighted by how likely each class is:
Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from recipes.nano.coarsen import coarsen
from recipes.nano.gated import GatedHead, add_gated
from recipes.nano.graph import FLOAT, UINT8, Graph
from recipes.nano.halve import halve
from recipes.nano.trunk import CLASSIFIER_BIAS, CLASSIFIER_WEIGHT, NUM_DEPTHS, NUM_POOLED, SIDE, read_trunk

__all__ = ["NUM_FEATURES", "image_tower", "picture_reader", "read_state"]

NUM_FEATURES = NUM_POOLED + NUM_DEPTHS

NUM_BEST = 10
"""The classes that are heard; the tail of a softmax over a thousand is noise."""
TEMPERATURE = 1.5
"""Above 1, an unsure classifier says more than its first guess."""


def read_state(package: Path) -> dict[str, NDArray[np.float32]]:
    """Read EfficientNet-Lite0's weights; nothing but arrays is unpickled."""
    import torch

    (path,) = package.rglob("*.pth")
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}


def image_tower(
    state: Mapping[str, NDArray[np.float32]], prototypes: NDArray[np.float32], head: GatedHead | None = None
) -> onnx.ModelProto:
    """Build the graph from the classifier's weights, its classes' vectors (classes, dimension) and a trained head.

    Without a head the classifier's opinion alone is the vector.
    """
    graph = Graph()
    reading = read_trunk(graph, state, "pixels")
    embedding = _opinion(graph, state, reading.pooled, prototypes)
    if head is not None:
        features = graph.add("Concat", reading.pooled, reading.depths, axis=-1)
        embedding = add_gated(graph, features, embedding, head)
    model = graph.model(
        inputs=[("pixels", UINT8, ["batch", SIDE, SIDE, 3])],
        outputs={embedding: ("embedding", FLOAT, ["batch", prototypes.shape[1]])},
        notes="EfficientNet-Lite0 read as text: pixels to unit vectors",
    )
    return halve(coarsen(model))


def picture_reader(state: Mapping[str, NDArray[np.float32]], prototypes: NDArray[np.float32]) -> onnx.ModelProto:
    """Build the graph that says what a head learns from: `features` (batch, `NUM_FEATURES`) and `base`."""
    graph = Graph()
    reading = read_trunk(graph, state, "pixels")
    features = graph.add("Concat", reading.pooled, reading.depths, axis=-1)
    base = _opinion(graph, state, reading.pooled, prototypes)
    model = graph.model(
        inputs=[("pixels", UINT8, ["batch", SIDE, SIDE, 3])],
        outputs={
            features: ("features", FLOAT, ["batch", NUM_FEATURES]),
            base: ("base", FLOAT, ["batch", prototypes.shape[1]]),
        },
        notes="EfficientNet-Lite0 at several depths, and its opinion read as text",
    )
    return halve(coarsen(model))


def _opinion(
    graph: Graph, state: Mapping[str, NDArray[np.float32]], pooled: str, prototypes: NDArray[np.float32]
) -> str:
    logits = graph.dense(pooled, "classifier", state[CLASSIFIER_WEIGHT].T, state[CLASSIFIER_BIAS])
    best, classes = graph.add_many("TopK", logits, graph.ints(NUM_BEST + 1), num_outputs=2, axis=-1)
    shares = _above_the_last(graph, graph.add("Mul", best, graph.scalar(1 / TEMPERATURE)))
    vectors = graph.add("Gather", graph.weight("prototypes", prototypes), classes, axis=0)
    mean = graph.add("MatMul", graph.add("Unsqueeze", shares, graph.ints(1)), vectors)
    return graph.unit(graph.add("Squeeze", mean, graph.ints(1)))


def _above_the_last(graph: Graph, best: str) -> str:
    """Count each class by how much likelier it is than the first one left out.

    So a class fades in from nothing: swapping the last two in line, as rounding may, moves no vector.
    """
    shares = graph.add("Softmax", best, axis=-1)
    return graph.add("Sub", shares, graph.add("Gather", shares, graph.ints(NUM_BEST), axis=-1))
