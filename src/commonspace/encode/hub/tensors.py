"""A safetensors file checked before anyone maps it: its header must account for every byte, and for no other."""

import struct
from math import prod
from pathlib import Path
from typing import Any, Final

import orjson

from commonspace.core.errors import ModelError

__all__ = ["check_tensors"]

MAX_HEADER_BYTES: Final = 100_000_000
METADATA: Final = "__metadata__"
BITS: Final = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F16": 16,
    "BF16": 16,
    "I16": 16,
    "U16": 16,
    "F32": 32,
    "I32": 32,
    "U32": 32,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}


def check_tensors(path: Path) -> dict[str, tuple[int, ...]]:
    """Check a file's header against its size: every tensor whole, none overlapping, nothing left over; the shapes.

    The format: 8 bytes of header length, the header (JSON), the tensors
    (https://huggingface.co/docs/safetensors#format).

    Raises:
        ModelError: the file is truncated, has other bytes than it says, or cannot be read.
    """
    try:
        header, num_bytes = _header(path)
        _check(header, num_bytes)
        return {name: tuple(told["shape"]) for name, told in header.items() if name != METADATA}
    except (AttributeError, OSError, ValueError, TypeError, KeyError, struct.error) as error:
        raise ModelError(f"{path} is damaged: {error}.", fix="Download the model again.") from error


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header, and how many bytes follow it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(MAX_HEADER_BYTES, size - 8):
            raise ValueError(f"its header of {length} bytes does not fit")
        header: dict[str, Any] = orjson.loads(file.read(length))
    return header, size - 8 - length


def _check(header: dict[str, Any], num_bytes: int) -> None:
    spans = []
    for name, told in header.items():
        if name == METADATA:
            continue
        start, end = told["data_offsets"]
        if any(type(number) is not int or number < 0 for number in (start, end, *told["shape"])):
            raise ValueError(f"{name} has the shape {told['shape']} from {start} to {end}")
        if (end - start) * 8 != prod(told["shape"]) * BITS[told["dtype"]]:
            raise ValueError(f"{name} is not as long as its shape says")
        spans.append((start, end))
    at = 0
    for start, end in sorted(spans):
        if start != at:
            raise ValueError("its tensors overlap or leave gaps")
        at = end
    if at != num_bytes:
        raise ValueError(f"its tensors take {at} bytes, and it has {num_bytes}")
