"""A checkpoint's networks exported for OpenVINO and kept: measured against PyTorch first, taken only if they agree.

The graph is traced from the network while it encodes sample content of every modality; the same content then goes
through the graph, and the vectors are compared.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import ModelError
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.exports import Export, write_record
from commonspace.encode.hub.running import Running, TorchGraph
from commonspace.encode.hub.samples import sample_contents
from commonspace.encode.runtime import Graph, Precision, openvino
from commonspace.encode.tower import Tower

__all__ = ["Recording", "agreement", "draft_of", "native_precision", "optimise", "require", "timed"]

LEAST_COSINE: Final = 0.9995
"""Of the export's vectors with the reference's; what the product promises of bfloat16."""

Arrays = Mapping[str, NDArray[np.generic]]


def native_precision() -> Precision:
    """bfloat16 where this processor computes in it, else float32."""
    told = openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return Precision.BF16 if "BF16" in told else Precision.F32


def optimise(
    checkpoint: Checkpoint,
    folder: Path,
    *,
    precision: Precision,
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Export]:
    """Export every tower into ``folder``, if all of them agree with PyTorch; what was there before is replaced.

    Raises:
        ModelError: a network cannot be exported, or an export's vectors are too far from the reference.
        MissingExtra: PyTorch is not installed.
    """
    with draft_of(folder) as draft:
        exports = []
        for modality in checkpoint.space.towers:
            if progress is not None:
                progress(f"{modality}: tracing and comparing")
            exports.append(_exported(checkpoint, modality, draft, precision, threads))
        require(exports, LEAST_COSINE, "Try --precision f32, or leave the model as it is.")
        write_record(draft, precision.value, exports)
    return exports


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """An empty folder that takes another's place when the block ends well, and goes without a trace otherwise."""
    draft = folder.with_name(f".{folder.name}.draft.{os.getpid()}")
    rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
        rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    finally:
        rmtree(draft, ignore_errors=True)


def require(exports: Sequence[Export], least: float, fix: str) -> None:
    """Check that every export is near enough to its reference.

    Raises:
        ModelError: one is not; the message holds its figures.
    """
    for each in exports:
        if not each.least_cosine >= least:
            raise ModelError(
                f"Exported in {each.precision}, the {each.modality} tower's vectors have a cosine of only "
                f"{each.least_cosine:.5f} with PyTorch's (at least {least} is asked; {each.mean_cosine:.5f} on average,"
                f" {each.speed_up:.1f} times as fast). Nothing was kept.",
                fix=fix,
            )


def agreement(reference: Vectors, vectors: Vectors) -> tuple[float, float]:
    """The least and the mean cosine between rows of two n x d arrays of unit rows."""
    cosines = (reference.astype(np.float64) * vectors).sum(axis=1)
    return float(cosines.min()), float(cosines.mean())


def timed(tower: Tower, contents: Sequence[Content]) -> tuple[Vectors, float]:
    """The contents' vectors, and the seconds that they took the second time."""
    features = [tower.prepare(content) for content in contents]
    tower.encode(features)
    start = time.perf_counter()
    vectors = tower.encode(features)
    return vectors, time.perf_counter() - start


@final
class Recording:
    """Runs a network in PyTorch and keeps its module and the batches it saw, to trace and to calibrate with."""

    def __init__(self, threads: int | None) -> None:
        self.module: Any = None
        self.batches: list[dict[str, NDArray[np.generic]]] = []
        self._threads = threads

    def running(self) -> Running:
        """How a tower runs so that this records it."""
        return Running(threads=self._threads, wrap=self._graph)

    def model(self) -> Any:
        """The network as OpenVINO's model, traced with the first batch.

        Raises:
            ModelError: there is no PyTorch network, or it cannot be traced or converted.
        """
        if self.module is None or not self.batches:
            raise ModelError(
                "This model has no PyTorch network of ours that could be exported.",
                fix="Use it as it is: a graph, a table, another library or a provider runs it.",
            )
        import warnings

        import torch

        openvino()
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        given = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in self.batches[0].items()}
        try:
            with warnings.catch_warnings(), torch.inference_mode():
                warnings.simplefilter("ignore")  # tracing tells of every Python condition in the network
                front = FrontEndManager().load_by_framework("pytorch")
                traced = TorchScriptPythonDecoder(self.module.to("cpu"), example_input=given)
                model = front.convert(front.load(traced))
            model.output(0).set_names({"embedding"})
        except Exception as error:  # tracers and converters raise anything
            raise ModelError(
                f"The network cannot be exported to OpenVINO ({type(error).__name__}: {str(error)[:200]}).",
                fix="It runs in PyTorch as it is; please report the model's name.",
            ) from error
        return model

    def _graph(self, module: Any) -> Graph:
        self.module = module
        return _Recorded(TorchGraph(module, precision=Precision.F32, threads=self._threads), self.batches)


@final
class _Recorded:
    def __init__(self, graph: Graph, seen: list[dict[str, NDArray[np.generic]]]) -> None:
        self._graph = graph
        self._seen = seen

    def run(self, batches: Sequence[Arrays]) -> list[dict[str, NDArray[np.float32]]]:
        self._seen.extend(dict(batch) for batch in batches)
        return self._graph.run(batches)


def _exported(
    checkpoint: Checkpoint, modality: Modality, folder: Path, precision: Precision, threads: int | None
) -> Export:
    contents = sample_contents(modality, checkpoint.demands.audio_rate)
    recording = Recording(threads)
    reference, seconds = timed(checkpoint.tower(modality, recording.running()), contents)
    openvino().save_model(recording.model(), folder / f"{modality}.xml", compress_to_fp16=False)
    running = Running(precision=precision, threads=threads, optimised=folder)
    vectors, export_seconds = timed(checkpoint.tower(modality, running), contents)
    least, mean = agreement(reference, vectors)
    return Export(
        modality=modality,
        precision=precision.value,
        least_cosine=least,
        mean_cosine=mean,
        speed_up=seconds / export_seconds,
        num_samples=len(contents),
    )
