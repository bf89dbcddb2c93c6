"""A checkpoint's networks exported for OpenVINO and kept: measured against PyTorch first, taken if near and quicker.

A graph is traced from the network while it encodes a few contents; other contents then go through both, and vectors
and seconds are compared. What is slower than PyTorch is not kept, and that is written down too.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import ModelError
from commonspace.core.item import Content
from commonspace.core.vectors import Vectors
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.exports import Export, write_export
from commonspace.encode.hub.running import Running, TorchGraph
from commonspace.encode.hub.samples import sample_contents
from commonspace.encode.pictures import PicturePreparation
from commonspace.encode.runtime import Graph, Precision, openvino
from commonspace.encode.tower import Features, Tower

__all__ = [
    "LEAST_COSINE",
    "Recording",
    "agreement",
    "draft_of",
    "export_tower",
    "native_precision",
    "optimise",
    "require",
    "timed",
]

LEAST_COSINE: Final = 0.9995
"""Of the export's vectors with the reference's; what the product promises of bfloat16."""
TRACED_EVERY: Final = 4
"""One sample content of so many is traced with; the others judge."""
TRACED_ROWS: Final = 4
ROUNDS: Final = 3

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

    A tower that is slower than in PyTorch is not kept, and goes on running there; its ``Export`` says so.

    Raises:
        ModelError: a network cannot be exported, or an export's vectors are too far from the reference.
        MissingExtra: PyTorch is not installed.
    """
    with draft_of(folder) as draft:
        exports = []
        for modality in checkpoint.space.towers:
            if progress is not None:
                progress(f"{modality}: tracing and comparing")
            recording = Recording(threads)
            tower = checkpoint.tower(modality, recording.running())
            found = export_tower(checkpoint, tower, recording, draft, (precision,))
            require([found], LEAST_COSINE, "Try --precision f32, or leave the model as it is.")
            exports.append(found)
    return exports


def export_tower(
    checkpoint: Checkpoint, tower: Tower, recording: "Recording", folder: Path, precisions: Sequence[Precision]
) -> Export:
    """Export one tower, judge it in each of these ways, and write the first that will do into ``folder``.

    ``tower`` runs by ``recording``. Where none is near enough, or PyTorch is quicker, no graph is left there, and the
    record says so.

    Raises:
        ModelError: the network cannot be exported.
    """
    contents = sample_contents(tower.modality, checkpoint.demands.audio_rate)
    tower.encode([tower.prepare(content) for content in contents[::TRACED_EVERY]])
    graph = folder / f"{tower.modality}.xml"
    openvino().save_model(recording.model(fixed=_fixed(tower)), graph, compress_to_fp16=False)
    recording.stop()
    judging = [tower.prepare(each) for place, each in enumerate(contents) if place % TRACED_EVERY]
    found = []
    for precision in precisions:
        running = Running(precision=precision, threads=recording.threads, optimised=folder)
        found.append(_judged(tower, checkpoint.tower(tower.modality, running), judging, precision))
        if found[-1].kept:
            break
    best = found[-1] if found[-1].kept else found[0]
    write_export(folder, best)
    if not best.kept:
        for path in (graph, graph.with_suffix(".bin")):
            path.unlink(missing_ok=True)
    return best


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
        self.threads = threads
        self._stopped = False

    def running(self, like: Running | None = None) -> Running:
        """How a tower runs so that this records it; all else ``like`` another way of running."""
        return replace(like or Running(), threads=self.threads, optimised=None, wrap=self._graph)

    def stop(self) -> None:
        """Record no more: what a tower encodes from now on is not kept."""
        self._stopped = True
        self.batches.clear()

    def model(self, *, fixed: bool = False) -> Any:
        """The network as OpenVINO's model, traced with a few rows of the largest batch.

        With ``fixed`` inputs are of the shape that was seen but for the number of rows, which saves work at each run.

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

        largest = max(self.batches, key=lambda batch: len(next(iter(batch.values()))))
        given = {name: torch.from_numpy(np.ascontiguousarray(array[:TRACED_ROWS])) for name, array in largest.items()}
        try:
            with warnings.catch_warnings(), torch.inference_mode():
                warnings.simplefilter("ignore")  # tracing tells of every Python condition in the network
                front = FrontEndManager().load_by_framework("pytorch")
                traced = TorchScriptPythonDecoder(
                    self.module.to("cpu"), example_input=given, trace_kwargs={"check_trace": False}
                )
                model = front.convert(front.load(traced))
            model.output(0).set_names({"embedding"})
            if fixed:
                model.reshape({name: [-1, *array.shape[1:]] for name, array in given.items()})
        except Exception as error:  # tracers and converters raise anything
            raise ModelError(
                f"The network cannot be exported to OpenVINO ({type(error).__name__}: {str(error)[:200]}).",
                fix="It runs in PyTorch as it is; please report the model's name.",
            ) from error
        return model

    def see(self, batches: Sequence[Arrays]) -> None:
        """Keep what goes through the network, until ``stop``."""
        if not self._stopped:
            self.batches.extend(dict(batch) for batch in batches)

    def _graph(self, module: Any) -> Graph:
        self.module = module
        return _Recorded(TorchGraph(module, precision=Precision.F32, threads=self.threads), self)


@final
class _Recorded:
    def __init__(self, graph: Graph, recording: Recording) -> None:
        self._graph = graph
        self._recording = recording

    def run(self, batches: Sequence[Arrays]) -> list[dict[str, NDArray[np.float32]]]:
        self._recording.see(batches)
        return self._graph.run(batches)


def _fixed(tower: Tower) -> bool:
    """Whether every picture comes to the network in the same size."""
    prepare = tower.prepare
    return isinstance(prepare, PicturePreparation) and (prepare.crop or prepare.size) is not None


def _judged(eager: Tower, quick: Tower, features: Sequence[Features], precision: Precision) -> Export:
    """How near and how quick an export is; both run in turns, and each one's quickest run counts."""
    reference, vectors = eager.encode(features), quick.encode(features)
    seconds = [(_seconds(eager, features), _seconds(quick, features)) for _ in range(ROUNDS)]
    speed_up = min(eagerly for eagerly, _ in seconds) / min(quickly for _, quickly in seconds)
    least, mean = agreement(reference, vectors)
    near = least >= LEAST_COSINE
    return Export(
        modality=eager.modality,
        precision=precision.value,
        least_cosine=least,
        mean_cosine=mean,
        speed_up=speed_up,
        num_samples=len(features),
        kept=near and speed_up >= 1,
        reason="" if near and speed_up >= 1 else "PyTorch is quicker" if near else "too far from PyTorch's vectors",
    )


def _seconds(tower: Tower, features: Sequence[Features]) -> float:
    start = time.perf_counter()
    tower.encode(features)
    return time.perf_counter() - start
