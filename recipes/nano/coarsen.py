"""The largest matrix is stored as int8, and its products are scaled back channel by channel."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["coarsen"]

SMALL = 50_000
"""Matrices up to this many numbers are left alone."""
LEVELS = 127


def coarsen(model: onnx.ModelProto, *, names: tuple[str, ...] = ("",)) -> onnx.ModelProto:
    """Return a copy whose large matrix products keep their weights as int8; the arithmetic stays float32.

    ``names``: how the names of the weights begin that may be coarse.

    The scale follows the product, not the weight. Before it, OpenVINO (2026.4) takes the graph for a quantised one:
    bfloat16 answers then depend on the batch (cosine 0.99992), and float32 ones leave ONNX Runtime's (0.999995).
    """
    small = onnx.ModelProto()
    small.CopyFrom(model)
    graph = small.graph
    stored = {weight.name: weight for weight in graph.initializer if weight.data_type == TensorProto.FLOAT}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        weight = stored.get(node.input[1]) if node.op_type == "MatMul" else None
        if weight is None or np.prod(weight.dims) <= SMALL or not weight.name.startswith(names):
            nodes.append(node)
            continue
        array = numpy_helper.to_array(weight)
        scale = np.maximum(np.abs(array).max(axis=0) / LEVELS, np.finfo(np.float32).tiny).astype(np.float32)
        levels = np.rint(array / scale).astype(np.int8)
        name, product = weight.name, node.output[0]
        weight.CopyFrom(numpy_helper.from_array(levels, f"{name}.int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        node.output[0] = f"{product}.level"
        nodes += [
            helper.make_node("Cast", [f"{name}.int8"], [name], name=name, to=TensorProto.FLOAT),
            node,
            helper.make_node("Mul", [node.output[0], f"{name}.scale"], [product], name=f"{product}.scaled"),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(small, full_check=True)
    return small
