"""The image tower reads a classifier's opinion as text: a mean of class vectors, weighted by how likely each class is.

Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from recipes.nano.coarsen import coarsen
from recipes.nano.graph import FLOAT, UINT8, Graph
from recipes.nano.halve import halve
from recipes.nano.trunk import CLASSIFIER_BIAS, CLASSIFIER_WEIGHT, SIDE, pooled_features

__all__ = ["image_tower", "read_state"]

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


def image_tower(state: Mapping[str, NDArray[np.float32]], prototypes: NDArray[np.float32]) -> onnx.ModelProto:
    """Build the graph from the classifier's weights and its classes' vectors (classes, dimension)."""
    graph = Graph()
    features = pooled_features(graph, state, "pixels")
    logits = graph.dense(features, "classifier", state[CLASSIFIER_WEIGHT].T, state[CLASSIFIER_BIAS])
    best, classes = graph.add_many("TopK", logits, graph.ints(NUM_BEST + 1), num_outputs=2, axis=-1)
    shares = _above_the_last(graph, graph.add("Mul", best, graph.scalar(1 / TEMPERATURE)))
    vectors = graph.add("Gather", graph.weight("prototypes", prototypes), classes, axis=0)
    mean = graph.add("MatMul", graph.add("Unsqueeze", shares, graph.ints(1)), vectors)
    embedding = graph.unit(graph.add("Squeeze", mean, graph.ints(1)))
    model = graph.model(
        inputs=[("pixels", UINT8, ["batch", SIDE, SIDE, 3])],
        outputs={embedding: ("embedding", FLOAT, ["batch", prototypes.shape[1]])},
        notes="EfficientNet-Lite0 read as text: pixels to unit vectors",
    )
    return halve(coarsen(model))


def _above_the_last(graph: Graph, best: str) -> str:
    """Count each class by how much likelier it is than the first one left out.

    So a class fades in from nothing: swapping the last two in line, as rounding may, moves no vector.
    """
    shares = graph.add("Softmax", best, axis=-1)
    return graph.add("Sub", shares, graph.add("Gather", shares, graph.ints(NUM_BEST), axis=-1))
