"""mteb's own client for services, unmodified, on tasks of text, pictures and sounds that are made here.

For sounds it encodes WAV with torchcodec and imports torchaudio. Their wheels want CUDA or another PyTorch than the one
that is pinned here, so two modules stand in for them: one writes the WAV file with soundfile, and one is only imported,
for sounds that have the right rate are not resampled. What mteb does with them, and what it sends, is all its own.
"""

import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import mteb
import numpy as np
import pytest
import soundfile
import soxr
import torch
from datasets import Dataset
from mteb.abstasks import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models import OpenAIAPIEncodeWrapper
from numpy.typing import NDArray
from PIL import Image

import commonspace
from tests.e2e.serving import PATIENT, Served, serving

pytestmark = pytest.mark.filterwarnings("default")  # mteb's and its libraries' own

LABELLED: Final = Path(__file__).parents[1] / "data" / "labelled"
NAMES: Final = ("aeroplane", "bell", "bird", "camera", "car")
WORDS: Final = {
    "aeroplane": ("an aeroplane", "It takes off from the runway and climbs above the clouds."),
    "bell": ("a bell", "It rings from the church tower every Sunday morning."),
    "bird": ("a bird", "It sits on a branch, sings at dawn and flies off."),
    "camera": ("a camera", "It takes photographs through a lens; mind the shutter."),
    "car": ("a car", "It has four wheels and an engine and drives on the road."),
}
RATE: Final = 16_000

Rows = NDArray[np.float32]


class Encoder:
    """In place of torchcodec's: samples (1, n) in -1..1 become a WAV file's bytes."""

    def __init__(self, samples: torch.Tensor, *, sample_rate: int) -> None:
        self._samples = samples
        self._rate = sample_rate

    def to_tensor(self, format: str) -> torch.Tensor:  # noqa: A002  # torchcodec's name
        buffer = BytesIO()
        soundfile.write(buffer, self._samples.numpy().T, self._rate, format=format.upper(), subtype="FLOAT")
        return torch.frombuffer(bytearray(buffer.getvalue()), dtype=torch.uint8)


class Recording(OpenAIAPIEncodeWrapper):
    """The wrapper, remembering what it got."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, "nano", max_retries=1, **options)
        self.got: list[Rows] = []

    def encode(self, inputs: Any, **options: Any) -> Any:
        rows = super().encode(inputs, **options)
        self.got.append(np.asarray(rows))
        return rows


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("mteb"), *PATIENT) as running:
        yield running


@pytest.fixture(scope="module")
def space() -> commonspace.Embedder:
    return commonspace.load()


def evaluated(model: Recording, modality: str, category: str, corpus: Mapping[str, Any]) -> float:
    """How well each name finds the one item of a corpus that is about it, as mteb scores it."""

    class Finding(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name=f"Finding{modality.title()}",
            description="Words find what they name.",
            dataset={"path": "made-here/finding", "revision": "1"},
            type="Retrieval" if modality == "text" else "Any2AnyRetrieval",
            category=category,
            modalities=sorted({"text", modality}),
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
        )

        def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
            del num_proc, kwargs
            queries = {"id": list(corpus), "text": [WORDS[name][0] for name in corpus]}
            self.dataset = {
                "default": {
                    "test": {
                        "corpus": Dataset.from_dict({"id": list(corpus), modality: list(corpus.values())}),
                        "queries": Dataset.from_dict(queries),
                        "relevant_docs": {name: {name: 1} for name in corpus},
                        "top_ranked": None,
                    }
                }
            }
            self.data_loaded = True

    options = {"batch_size": 4, "show_progress_bar": False}
    result = mteb.evaluate(model, Finding(), cache=None, encode_kwargs=options, show_progress_bar=False)
    return float(result.task_results[0].get_score())


def holds(model: Recording, expected: Rows) -> None:
    """What was sent for queries and corpus came back as in Python; mteb chooses the order."""
    got = np.concatenate(model.got)
    assert got.shape == expected.shape
    assert np.abs(np.linalg.norm(got, axis=1) - 1).max() < 1e-5
    likeness = got @ expected.T
    assert likeness.max(axis=1).min() >= 0.9999
    assert likeness.max(axis=0).min() >= 0.9999


QUERIES: Final = [words[0] for words in WORDS.values()]


@pytest.mark.parametrize("as_messages", [True, False], ids=["as messages", "as input"])
def test_texts(served: Served, space: commonspace.Embedder, *, as_messages: bool) -> None:
    model = Recording(served.url, use_chat_template=as_messages)
    corpus = {name: words[1] for name, words in WORDS.items()}

    assert evaluated(model, "text", "t2t", corpus) > 0.9
    holds(model, space.embed([*QUERIES, *corpus.values()]))


def test_pictures(served: Served, space: commonspace.Embedder) -> None:
    model = Recording(served.url)
    corpus = {name: Image.open(LABELLED / "images" / f"{name}_1.jpg").convert("RGB") for name in NAMES}

    assert evaluated(model, "image", "t2i", corpus) > 0.6
    holds(model, space.embed([*QUERIES, *corpus.values()]))


def test_sounds(served: Served, space: commonspace.Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    encoders = ModuleType("torchcodec.encoders")
    encoders.AudioEncoder = Encoder  # type: ignore[attr-defined]
    stand_ins = {"torchcodec": ModuleType("torchcodec"), "torchcodec.encoders": encoders}
    for name, module in {**stand_ins, "torchaudio": ModuleType("torchaudio")}.items():
        monkeypatch.setitem(sys.modules, name, module)
    model = Recording(served.url)
    samples = {name: _samples(LABELLED / "sounds" / f"{name}_1.ogg") for name in NAMES}
    corpus = {name: {"array": each.tolist(), "sampling_rate": RATE} for name, each in samples.items()}

    assert evaluated(model, "audio", "t2a", corpus) > 0.6
    sounds = [commonspace.Audio(each, RATE) for each in samples.values()]
    holds(model, space.embed([*QUERIES, *sounds]))


def _samples(path: Path) -> Rows:
    """A sound's first four seconds, mono."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    short: Rows = soxr.resample(samples.mean(axis=1), rate, RATE)[: 4 * RATE]
    return np.clip(short, -1.0, 1.0).astype(np.float32)
