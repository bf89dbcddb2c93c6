"""Large arrays go from one process to another in shared memory; only a descriptor goes through the socket.

The memory is anonymous (``memfd_create``), so nothing is left behind whoever dies, and it lives as long as the arrays
that were made of it.
"""

import mmap
import os
from collections.abc import Sequence
from io import BytesIO
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler, recv_handle, send_handle
from typing import Any, Final

__all__ = ["dumps", "receive_buffers", "send_buffers"]

SHARED_FROM_BYTES: Final = 32_768
"""Smaller arrays are copied through the socket quicker than memory is mapped."""
PROTOCOL: Final = 5
"""The first that keeps arrays apart from the message."""
ALIGNMENT: Final = 64


def dumps(message: object) -> tuple[bytes, list[memoryview]]:
    """The message, and the large arrays in it, which are not copied."""
    apart: list[memoryview] = []

    def keep(buffer: Any) -> bool:
        view: memoryview = buffer.raw()
        if view.nbytes < SHARED_FROM_BYTES:
            return True
        apart.append(view)
        return False

    stream = BytesIO()
    ForkingPickler(stream, PROTOCOL, True, keep).dump(message)  # noqa: FBT003  # it takes no names
    return stream.getvalue(), apart


def send_buffers(connection: Connection, buffers: Sequence[memoryview]) -> None:
    """Write the buffers into fresh shared memory and send its descriptor."""
    descriptor = os.memfd_create("commonspace", os.MFD_CLOEXEC)
    try:
        place = 0
        for buffer in buffers:
            written = 0
            while written < buffer.nbytes:
                written += os.pwrite(descriptor, buffer[written:], place + written)
            place += _aligned(buffer.nbytes)
        send_handle(connection, descriptor, None)
    finally:
        os.close(descriptor)


def receive_buffers(connection: Connection, sizes: Sequence[int]) -> list[memoryview]:
    """Map what ``send_buffers`` sent: one view a buffer; writing to one changes this process's copy alone.

    Raises:
        OSError, EOFError: the sender died, or sent less than it said.
    """
    descriptor = recv_handle(connection)
    try:
        ends = sum(_aligned(size) for size in sizes[:-1]) + sizes[-1]
        if os.fstat(descriptor).st_size < ends:
            raise EOFError
        memory = memoryview(mmap.mmap(descriptor, ends, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE))
    finally:
        os.close(descriptor)
    views, place = [], 0
    for size in sizes:
        views.append(memory[place : place + size])
        place += _aligned(size)
    return views


def _aligned(num_bytes: int) -> int:
    return -(-num_bytes // ALIGNMENT) * ALIGNMENT
