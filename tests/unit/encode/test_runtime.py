"""Both runtimes run the same graphs to the same vectors."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import MissingExtra, ModelError
from commonspace.encode import catalog, runtime
from commonspace.encode.runtime import OnnxRuntimeGraph, OpenVinoGraph, Precision, Traffic, load_graph

FOLDER = catalog.folder_of("nano")


def inputs(name: str) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    match name:
        case "text":
            ids = random.integers(1000, 20000, (3, 16), dtype=np.int64)
            return {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        case "image":
            return {"pixels": random.integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)}
        case _:
            windows = random.standard_normal((3, 81, 200)).astype(np.float32)
            windows[:, 80] = 1  # every frame is there
            return {"windows": windows}


@pytest.mark.parametrize("name", ["text", "image", "audio"])
def test_openvino_and_onnx_runtime_agree(name: str) -> None:
    path = FOLDER / f"{name}.onnx"
    batch = inputs(name)

    first = OpenVinoGraph(path, precision=Precision.F32, threads=1).run([batch])[0]["embedding"]
    second = OnnxRuntimeGraph(path, threads=1).run([batch])[0]["embedding"]

    assert (first * second).sum(axis=1).min() > 0.99999


def test_batches_come_back_in_order() -> None:
    batches = [inputs("audio") for _ in range(9)]
    for place, batch in enumerate(batches):
        batch["windows"][:, :80] += place / 4
    graph = OpenVinoGraph(FOLDER / "audio.onnx", precision=Precision.F32, threads=2)

    together = graph.run(batches)

    for batch, answer in zip(batches, together, strict=True):
        np.testing.assert_allclose(graph.run([batch])[0]["embedding"], answer["embedding"], atol=1e-6)


@pytest.mark.parametrize("name", ["text", "image", "audio"])
@pytest.mark.parametrize("precision", list(Precision))
def test_what_is_alone_answers_as_it_does_in_company(name: str, precision: Precision) -> None:
    graph = OpenVinoGraph(FOLDER / f"{name}.onnx", precision=precision, threads=2)
    batch = inputs(name)

    (alone,) = graph.run([batch])
    together = graph.run([batch, batch, batch])

    for answer in together:
        assert (answer["embedding"] * alone["embedding"]).sum(axis=1).min() > 0.99999


def test_runs_that_met_share_the_threads_until_one_was_alone() -> None:
    traffic = Traffic()

    with traffic.running() as first, traffic.running() as second:
        pass
    with traffic.running() as third:
        pass
    with traffic.running() as fourth:
        pass

    assert (first, second, third, fourth) == (True, False, False, True)


def test_batches_of_many_threads_meet_and_none_is_mistaken() -> None:
    batches = [inputs("audio") for _ in range(8)]
    for place, batch in enumerate(batches):
        batch["windows"][:, :80] += place / 4
    graph = OpenVinoGraph(FOLDER / "audio.onnx", precision=Precision.F32, threads=2)
    alone = [graph.run([batch])[0]["embedding"] for batch in batches]

    with ThreadPoolExecutor(8) as pool:
        met = list(pool.map(lambda batch: graph.run([batch])[0]["embedding"], batches * 3))

    for place, answer in enumerate(met):
        np.testing.assert_allclose(answer, alone[place % 8], atol=1e-6)


def test_a_graph_that_nobody_holds_is_freed() -> None:
    graph = OpenVinoGraph(FOLDER / "audio.onnx", precision=Precision.F32, threads=1)
    graph.run([inputs("audio")])
    held = weakref.ref(graph)

    del graph
    gc.collect()

    assert held() is None


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="make nano"):
        load_graph(tmp_path / "none.onnx")


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not a graph")

    with pytest.raises(ModelError, match=r"bad\.onnx"):
        load_graph(tmp_path / "bad.onnx")


def test_without_any_runtime_the_error_holds_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "find_spec", lambda _: None)

    with pytest.raises(MissingExtra, match=r"pip install 'commonspace\[onnxruntime\]'"):
        load_graph(FOLDER / "audio.onnx")


def test_without_openvino_onnx_runtime_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    real = runtime.find_spec
    monkeypatch.setattr(runtime, "find_spec", lambda name: None if name == "openvino" else real(name))

    assert isinstance(load_graph(FOLDER / "audio.onnx"), OnnxRuntimeGraph)
