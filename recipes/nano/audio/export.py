"""Write the student as ONNX with half-precision weights, and prove that every runtime reads it alike."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from commonspace.align.heads import Head
from recipes.nano.audio.judge import Hear, Heard
from recipes.nano.audio.student import Student
from recipes.nano.halve import halve

__all__ = ["Runtimes", "compare_runtimes", "export", "open_onnxruntime", "open_openvino", "write_graph"]

OPSET = 17
PATCH = (96, 64)


@final
class _Tower(nn.Module):
    """The two answers that travel; the classes stay behind. The head adds to what the student says."""

    def __init__(self, student: Student, head: Head | None) -> None:
        super().__init__()
        self.student, self.head = student, head

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        features = self.student.trunk(patches)
        verdict = self.student.head(features)
        if self.head is None:
            return verdict.embedding, verdict.weight
        standard = (features - self.student.head.middle) * self.student.head.scale
        embedding = self.head(torch.cat([standard, verdict.embedding], dim=1))
        return functional.normalize(embedding, dim=1), verdict.weight


def export(student: Student, path: Path, head: Head | None = None) -> None:
    """Write ``student`` to ``path``: ``patches`` n x 96 x 64 to ``embedding`` n x 384 and ``weight`` n.

    A gated ``head`` takes the standardised features and the student's vector, and its answer is the vector.
    """
    write_graph(_Tower(student, head), path, outputs=("embedding", "weight"))
    model = halve(onnx.load(path))
    model.producer_name, model.producer_version = "commonspace", ""
    onnx.save(model, path)


def write_graph(module: nn.Module, path: Path, *, outputs: tuple[str, ...]) -> None:
    """Trace a module that takes patches to an ONNX file in float32, batch normalisation folded into convolutions."""
    axes = {name: {0: "n"} for name in ("patches", *outputs)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter announces its successor, which needs one more package
        torch.onnx.export(
            module.eval(),
            (torch.zeros(2, *PATCH),),
            str(path),
            input_names=["patches"],
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )


def open_onnxruntime(path: Path) -> Hear:
    """Run the file with ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def hear(patches: NDArray[np.float32]) -> Heard:
        embedding, weight = session.run(["embedding", "weight"], {"patches": patches})
        return Heard(embedding=embedding, weight=weight)

    return hear


def open_openvino(path: Path, precision: str) -> Hear:
    """Run the file with OpenVINO on the processor, computing in ``precision`` (f32 or bf16)."""
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)

    def hear(patches: NDArray[np.float32]) -> Heard:
        answer = compiled(patches)
        return Heard(embedding=answer["embedding"].copy(), weight=answer["weight"].copy())

    return hear


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Runtimes:
    """Least cosine, over patches, between two ways to run the same file."""

    openvino_f32_to_onnxruntime: float
    openvino_bf16_to_f32: float
    openvino_bf16_to_f32_median: float
    openvino_f32_alone_to_batch: float
    onnxruntime_alone_to_batch: float


def compare_runtimes(path: Path, patches: NDArray[np.float32]) -> Runtimes:
    """Run ``patches`` (n x 96 x 64) through every runtime, together and one by one."""
    ort, full, brief = open_onnxruntime(path), open_openvino(path, "f32"), open_openvino(path, "bf16")
    together, by_ort = full(patches).embedding, ort(patches).embedding
    bf16 = _cosines(brief(patches).embedding, together)
    return Runtimes(
        openvino_f32_to_onnxruntime=float(_cosines(together, by_ort).min()),
        openvino_bf16_to_f32=float(bf16.min()),
        openvino_bf16_to_f32_median=float(np.median(bf16)),
        openvino_f32_alone_to_batch=float(_cosines(_one_by_one(full, patches), together).min()),
        onnxruntime_alone_to_batch=float(_cosines(_one_by_one(ort, patches), by_ort).min()),
    )


def _one_by_one(hear: Hear, patches: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([hear(patch[None]).embedding for patch in patches])


def _cosines(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first.astype(np.float64) * second).sum(axis=1) / norms)
