"""Write the sound tower as ONNX, and prove that every runtime reads it alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import onnx
import onnxruntime
import openvino
from numpy.typing import NDArray

from recipes.nano.audio.encoder import WINDOWS, add_encoder
from recipes.nano.audio.judge import Hear, Heard
from recipes.nano.audio.student import Head
from recipes.nano.coarsen import coarsen
from recipes.nano.gated import GatedHead, add_gated
from recipes.nano.graph import FLOAT, Graph
from recipes.nano.halve import halve

__all__ = ["Runtimes", "compare_runtimes", "open_onnxruntime", "open_openvino", "sound_tower"]

COARSE = ("student.", "head.")
"""The matrices of heads are stored as int8; those of the encoder are float16 where they come from, and stay so."""


def sound_tower(
    weights: Mapping[str, NDArray[np.float32]], student: Head, head: GatedHead | None = None
) -> onnx.ModelProto:
    """Build the graph from ``windows`` (n x 81 x 200) to ``embedding`` (n x 384, unit length) and ``weight`` (n).

    A gated ``head`` adds to the student's vector what it learned with words; without one that vector is the answer.
    """
    graph = Graph()
    features = add_encoder(graph, weights)
    embedding, weight = _student(graph, features, student)
    if head is not None:
        embedding = add_gated(graph, features, embedding, head)
    model = graph.model(
        inputs=[WINDOWS],
        outputs={
            embedding: ("embedding", FLOAT, ["n", student.embedding.out_features]),
            weight: ("weight", FLOAT, ["n"]),
        },
        notes="Whisper tiny.en's first two layers read as text: log-mel windows to unit vectors and weights",
    )
    return halve(coarsen(model, names=COARSE))


def _student(graph: Graph, features: str, student: Head) -> tuple[str, str]:
    """The student's unit vectors and weights."""
    held = {name: value.numpy() for name, value in student.state_dict().items()}
    shifted = graph.add("Sub", features, graph.weight("student.middle", held["middle"]))
    standard = graph.add("Mul", shifted, graph.weight("student.scale", held["scale"]))

    def dense(name: str, value: str) -> str:
        return graph.dense(value, f"student.{name}", held[f"{name}.weight"].T, held[f"{name}.bias"])

    hidden = graph.add("Relu", dense("hidden", standard))
    weight = graph.add("Squeeze", graph.add("Sigmoid", dense("weight", hidden)), graph.ints(1))
    return graph.unit(dense("embedding", hidden)), weight


def open_onnxruntime(path: Path) -> Hear:
    """Run the file with ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def hear(windows: NDArray[np.float32]) -> Heard:
        embedding, weight = session.run(["embedding", "weight"], {"windows": windows})
        return Heard(embedding=embedding, weight=weight)

    return hear


def open_openvino(path: Path, precision: str) -> Hear:
    """Run the file with OpenVINO on the processor, computing in ``precision`` (f32 or bf16)."""
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)

    def hear(windows: NDArray[np.float32]) -> Heard:
        answer = compiled(windows)
        return Heard(embedding=answer["embedding"].copy(), weight=answer["weight"].copy())

    return hear


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Runtimes:
    """Least cosine, over windows, between two ways to run the same file."""

    openvino_f32_to_onnxruntime: float
    openvino_bf16_to_f32: float
    openvino_bf16_to_f32_median: float
    openvino_f32_alone_to_batch: float
    openvino_bf16_alone_to_batch: float
    onnxruntime_alone_to_batch: float


def compare_runtimes(path: Path, windows: NDArray[np.float32]) -> Runtimes:
    """Run ``windows`` (n x 81 x 200) through every runtime, together and one by one."""
    ort, full, brief = open_onnxruntime(path), open_openvino(path, "f32"), open_openvino(path, "bf16")
    together, by_ort, in_brief = full(windows).embedding, ort(windows).embedding, brief(windows).embedding
    bf16 = _cosines(in_brief, together)
    return Runtimes(
        openvino_f32_to_onnxruntime=float(_cosines(together, by_ort).min()),
        openvino_bf16_to_f32=float(bf16.min()),
        openvino_bf16_to_f32_median=float(np.median(bf16)),
        openvino_f32_alone_to_batch=float(_cosines(_one_by_one(full, windows), together).min()),
        openvino_bf16_alone_to_batch=float(_cosines(_one_by_one(brief, windows), in_brief).min()),
        onnxruntime_alone_to_batch=float(_cosines(_one_by_one(ort, windows), by_ort).min()),
    )


def _one_by_one(hear: Hear, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([hear(window[None]).embedding for window in windows])


def _cosines(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first.astype(np.float64) * second).sum(axis=1) / norms)
