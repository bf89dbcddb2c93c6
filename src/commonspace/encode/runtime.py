"""Runs an ONNX graph on this machine: OpenVINO where it is installed, ONNX Runtime where it is not."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, Final, Protocol, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import MissingExtra, ModelError

__all__ = ["Graph", "OnnxRuntimeGraph", "OpenVinoGraph", "Precision", "Traffic", "load_graph", "openvino"]

Arrays = Mapping[str, NDArray[np.generic]]


class Precision(StrEnum):
    """The arithmetic inside a graph; inputs and outputs are float32 either way."""

    F32 = "f32"
    BF16 = "bf16"


class Graph(Protocol):
    """A compiled network: named arrays in, named arrays out; safe to call from several threads."""

    def run(self, batches: Sequence[Arrays]) -> list[dict[str, NDArray[np.float32]]]:
        """Run every batch; answers are in order."""
        ...


def openvino() -> Any:
    """The OpenVINO library, kept from reporting over the network that it was imported, as it does by default."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # importing it fails from here on
    import openvino as library

    return library


@final
class _Streams:
    """An OpenVINO network compiled for so many batches at once, which share the threads equally."""

    def __init__(self, path: Path, *, precision: Precision, threads: int, count: int) -> None:
        ov = openvino()
        core = ov.Core()
        config = {
            "INFERENCE_PRECISION_HINT": precision.value,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": count,
            "ENABLE_MMAP": True,
        }
        compiled: Any = core.compile_model(core.read_model(path), "CPU", config)
        self._names = [name for output in compiled.outputs for name in output.names]
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(count):
            self._idle.put(compiled.create_infer_request())

    def run(self, batches: Sequence[Arrays]) -> list[dict[str, NDArray[np.float32]]]:
        """Run every batch, as many at a time as there are idle streams; answers are in order."""
        answers: list[dict[str, NDArray[np.float32]]] = []
        with self._held(len(batches)) as streams:
            for place, batch in enumerate(batches):
                if place >= len(streams):
                    answers.append(self._answer(streams[place % len(streams)]))
                streams[place % len(streams)].start_async(dict(batch))
            rest = range(len(answers), len(batches))
            return answers + [self._answer(streams[place % len(streams)]) for place in rest]

    @contextmanager
    def _held(self, wanted: int) -> Iterator[list[Any]]:
        """At least one stream, waited for, and up to as many as wanted of those that are idle."""
        streams = [self._idle.get()]
        try:
            with suppress(Empty):
                while len(streams) < wanted:
                    streams.append(self._idle.get_nowait())
            yield streams
        finally:
            for stream in streams:
                stream.wait()
                self._idle.put(stream)

    def _answer(self, stream: Any) -> dict[str, NDArray[np.float32]]:
        stream.wait()
        return {name: stream.get_tensor(name).data.copy() for name in self._names}


@final
class Traffic:
    """Whether runs come one at a time in this process, of whatever network, or meet, as they do in a busy service."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._num_running = 0
        self._met = False
        self._joined = False

    @contextmanager
    def running(self) -> Iterator[bool]:
        """Run; True where nobody else does, and nobody came during the last run that began so."""
        with self._lock:
            self._joined = self._num_running > 0
            self._met = self._met or self._joined
            self._num_running += 1
            is_quiet = not self._met
        try:
            yield is_quiet
        finally:
            with self._lock:
                self._num_running -= 1
                if not self._num_running:
                    self._met = self._joined


_TRAFFIC: Final = Traffic()


@final
class OpenVinoGraph:
    """OpenVINO on the CPU: a batch that comes alone has every thread, batches that meet have one each.

    A network is compiled for one way of running or the other when it is first run so, because each holds the weights.
    """

    def __init__(self, path: Path, *, precision: Precision, threads: int) -> None:
        self._streams = partial(_Streams, path, precision=precision, threads=threads)
        self._lock = Lock()
        self._ways = {1: self._streams(count=1)}
        self._threads = threads

    def run(self, batches: Sequence[Arrays]) -> list[dict[str, NDArray[np.float32]]]:
        """Run every batch; answers are in order."""
        with _TRAFFIC.running() as is_quiet:
            return self._way(1 if is_quiet and len(batches) == 1 else self._threads).run(batches)

    def _way(self, count: int) -> _Streams:
        """The network compiled for so many batches at once."""
        with self._lock:
            if count not in self._ways:
                self._ways[count] = self._streams(count=count)
            return self._ways[count]


@final
class OnnxRuntimeGraph:
    """ONNX Runtime on the CPU, in float32."""

    def __init__(self, path: Path, *, threads: int) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._session: Any = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, batches: Sequence[Arrays]) -> list[dict[str, NDArray[np.float32]]]:
        """Run every batch, one after another; answers are in order."""
        return [dict(zip(self._names, self._session.run(self._names, dict(batch)), strict=True)) for batch in batches]


def load_graph(path: Path, *, precision: Precision = Precision.F32, threads: int | None = None) -> Graph:
    """Compile an ONNX file for this machine.

    Args:
        path: the graph.
        precision: float32, or bfloat16 arithmetic (OpenVINO only; ONNX Runtime computes in float32).
        threads: processor threads; all that this process may use when None.

    Raises:
        ModelError: the file is not there or is no graph that the runtime can run.
        MissingExtra: neither runtime is installed.
    """
    if not path.is_file():
        raise ModelError(f"{path.name} is not in {path.parent}.", fix="Reinstall commonspace, or run `make nano`.")
    count = threads or len(os.sched_getaffinity(0))
    try:
        if find_spec("openvino") is not None:
            return OpenVinoGraph(path, precision=precision, threads=count)
        if find_spec("onnxruntime") is not None:
            return OnnxRuntimeGraph(path, threads=count)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{path.name} cannot be compiled here.", fix="Check the file against its manifest.") from error
    raise MissingExtra(
        "Neither OpenVINO nor ONNX Runtime is installed.", fix="Run: pip install 'commonspace[onnxruntime]'"
    )
