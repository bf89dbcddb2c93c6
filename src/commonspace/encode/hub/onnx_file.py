"""What an ONNX file says of itself, read without running or loading it: inputs, outputs, and files beside it."""

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from commonspace.core.errors import ModelError

__all__ = ["OnnxFile", "read_onnx"]

PARTS: Final[Mapping[str, Mapping[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""Which fields of which message lead to tensors (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto)."""
GRAPH, INPUT, OUTPUT, INITIALIZER = 7, 11, 12, 5
NAME, TENSOR_NAME = 1, 8
BYTES_WIRE: Final = 2
FIXED: Final = {1: 8, 5: 4}
DEEPEST: Final = 64


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxFile:
    """Names of a graph's inputs and outputs, and of the files that its tensors lie in beside it."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    external: tuple[str, ...]


def read_onnx(path: Path) -> OnnxFile:
    """Walk the file's messages; tensors' bytes are skipped.

    Raises:
        ModelError: it is no such file, or is damaged.
    """
    try:
        with path.open("rb") as file:
            return _read(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except (OSError, ValueError, IndexError) as error:
        raise ModelError(f"{path} is no readable ONNX file: {error}.", fix="Download the model again.") from error


def _read(data: memoryview) -> OnnxFile:
    graphs = [part for number, part in _fields(data) if number == GRAPH]
    if len(graphs) != 1:
        raise ValueError(f"it has {len(graphs)} graphs")
    named: dict[int, list[str]] = {INPUT: [], OUTPUT: [], INITIALIZER: []}
    for number, part in _fields(graphs[0]):
        if number in named:
            wanted = TENSOR_NAME if number == INITIALIZER else NAME
            named[number] += [_text(value) for inner, value in _fields(part) if inner == wanted]
    return OnnxFile(
        inputs=tuple(name for name in named[INPUT] if name not in named[INITIALIZER]),
        outputs=tuple(named[OUTPUT]),
        external=tuple(sorted(set(_locations(data, "model", 0)))),
    )


def _locations(data: memoryview, kind: str, depth: int) -> Iterator[str]:
    """Every ``location`` that a tensor anywhere in a message names."""
    if depth > DEEPEST:
        raise ValueError("it is nested too deep")
    if kind == "entry":
        pair = {number: _text(value) for number, value in _fields(data)}
        if pair.get(1) == "location":
            yield pair.get(2, "")
        return
    for number, part in _fields(data):
        inner = PARTS[kind].get(number)
        if inner is not None:
            yield from _locations(part, inner, depth + 1)


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message that have bytes, with their numbers; others are passed over."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == BYTES_WIRE:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise ValueError("it is cut off")
            yield number, data[at : at + length]
            at += length
        elif wire in FIXED:
            at += FIXED[wire]
        elif wire == 0:
            _, at = _varint(data, at)
        else:
            raise ValueError(f"it has a field of kind {wire}")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ValueError("it has a number without an end")


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8")
