"""Large float32 weights are stored as float16 and cast back, so a file halves and the arithmetic stays float32."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["halve"]

SMALL = 4096
"""Arrays up to this many numbers stay float32: biases and norms weigh nothing and matter most."""

GATHER = "Gather"


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose large float32 weights are float16, each followed by a cast.

    A looked-up table is cast after the look-up, so that only the rows that are used grow.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    graph = halved.graph
    large = {w.name: w for w in graph.initializer if w.data_type == TensorProto.FLOAT and np.prod(w.dims) > SMALL}
    tables = {node.input[0] for node in graph.node if node.op_type == GATHER}
    casts: list[onnx.NodeProto] = []
    for name, weight in large.items():
        half = numpy_helper.to_array(weight).astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError(f"{name} holds numbers beyond float16; keep it in float32")
        weight.CopyFrom(numpy_helper.from_array(half, name))
        if name not in tables:
            casts.append(_cast(name, f"{name}.float32"))
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == GATHER and node.input[0] in large:
            result = node.output[0]
            node.output[0] = f"{result}.float16"
            nodes += [node, _cast(node.output[0], result)]
            continue
        renamed = [f"{name}.float32" if name in large else name for name in node.input]
        del node.input[:]
        node.input.extend(renamed)
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(casts + nodes)
    onnx.checker.check_model(halved, full_check=True)
    return halved


def _cast(value: str, result: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [value], [result], name=f"{result}.cast", to=TensorProto.FLOAT)
