"""A graph is written node by node, so that the same weights always give the same bytes.

Knows ONNX, and nothing of any network.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["FLOAT", "INT64", "UINT8", "Graph", "Port"]

OPSET = 20
IR_VERSION = 9

Port = tuple[str, int, Sequence[str | int]]
"""A graph's input or output: its name, its ONNX element type and its shape (a string is a free size)."""


class Graph:
    """An ONNX graph under construction; every method returns the name of the value it adds."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def weight(self, name: str, array: NDArray[np.generic]) -> str:
        """Store an array under a name of its own."""
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def constant(self, array: NDArray[np.generic]) -> str:
        """Store a small array once, however often it is used."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self.weight(f"constant_{len(self._known)}", array)
        return self._known[key]

    def scalar(self, value: float) -> str:
        """Store a float32 number."""
        return self.constant(np.asarray(value, dtype=np.float32))

    def ints(self, *values: int) -> str:
        """Store int64 numbers: axes, shapes and the like."""
        return self.constant(np.asarray(values, dtype=np.int64))

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        """Apply an operator that has one result."""
        return self.add_many(operator, *inputs, num_outputs=1, **attributes)[0]

    def add_many(self, operator: str, *inputs: str, num_outputs: int, **attributes: object) -> list[str]:
        """Apply an operator that has several results."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        results = [name if number == 0 else f"{name}.{number}" for number in range(num_outputs)]
        self._nodes.append(helper.make_node(operator, inputs, results, name=name, **attributes))
        return results

    def dense(self, value: str, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """`value @ weight + bias`, where weight is (inputs, outputs)."""
        product = self.add("MatMul", value, self.weight(f"{name}.weight", weight))
        return self.add("Add", product, self.weight(f"{name}.bias", bias))

    def unit(self, value: str) -> str:
        """Scale each row to length one; a row of zeros stays zeros."""
        length = self.add("ReduceL2", value, self.ints(-1), keepdims=1)
        return self.add("Div", value, self.add("Max", length, self.scalar(1e-12)))

    def model(self, *, inputs: Sequence[Port], outputs: Mapping[str, Port], notes: str) -> onnx.ModelProto:
        """Close the graph; `outputs` maps the name of a value to the port that shows it."""
        for value, (name, _, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name], name=name))
        graph = helper.make_graph(
            self._nodes,
            "tower",
            [helper.make_tensor_value_info(*port) for port in inputs],
            [helper.make_tensor_value_info(*port) for port in outputs.values()],
            self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        model.producer_name = "commonspace"
        model.producer_version = ""
        model.doc_string = notes
        onnx.checker.check_model(model, full_check=True)
        return model


FLOAT, INT64, UINT8 = int(TensorProto.FLOAT), int(TensorProto.INT64), int(TensorProto.UINT8)
