"""Sound reaches a checkpoint at its own rate and in its own windows: from files, through a store, in the service."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from commonspace.core.item import Audio
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.ingest.plan import Plan
from commonspace.serve.answer import usage_of
from commonspace.serve.warming import measure_curves
from commonspace.shell.wire import collection_over
from tests.hub.encoders import make_encoder, sounds

RATE = 22_050
SECONDS = 5.0


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return catalog.load(make_encoder("clap-unfused", tmp_path_factory.mktemp("rates") / "clap"), Plan(), threads=1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rates") / "chirp.wav"
    soundfile.write(path, sounds(RATE, (SECONDS,))[0].array, RATE, subtype="FLOAT")
    return path


def test_a_file_is_heard_at_48_kilohertz_in_windows_of_the_model(embedder: Embedder, file: Path) -> None:
    samples, _ = soundfile.read(file, dtype="float32")
    whole = soxr.resample(samples, RATE, 48_000)
    parts = [Audio(array=part, rate=48_000) for part in np.array_split(whole, 3)]
    tower = embedder.tower(Modality.AUDIO)
    mean = tower.encode([tower.prepare(part) for part in parts]).mean(axis=0)

    (row,) = embedder.embed([file])

    np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-3)


def test_a_store_holds_and_finds_its_windows(embedder: Embedder, file: Path, tmp_path: Path) -> None:
    with collection_over(embedder, tmp_path / "store.cs") as collection:
        collection.index([file])
        (hit,) = collection.search(file)

    assert hit.uri == file.as_uri()
    assert hit.score == pytest.approx(1.0, abs=0.05)


def test_what_is_counted_are_seconds_of_sound_whatever_the_rate(embedder: Embedder, file: Path) -> None:
    prepared = embedder.preparer.value(file)

    assert usage_of(prepared).seconds == pytest.approx(SECONDS, abs=1e-3)
    assert [piece.span and piece.span.end_seconds for piece in prepared.pieces] == pytest.approx([1.667, 3.333, 5.0])


def test_the_service_measures_what_batches_of_any_tower_cost(tmp_path: Path, embedder: Embedder) -> None:
    waves = catalog.load(make_encoder("wav2vec2", tmp_path / "wav2vec2"), Plan(), threads=1)

    for each in (embedder, waves):
        (curve,) = measure_curves(each.preparer, {Modality.AUDIO: each.tower(Modality.AUDIO)}).values()
        assert curve.seconds(1_000) > 0
