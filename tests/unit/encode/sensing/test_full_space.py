"""The full-spectrum space: nano as it is and two towers more, from files, values and a store."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

import commonspace
from commonspace.core.errors import ItemError, ModelError, SpaceMismatch
from commonspace.core.item import Table, Trace
from commonspace.core.modality import Modality
from commonspace.core.space import Tier
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.encode.manifest import Manifest
from commonspace.serve.settings import Settings
from commonspace.shell.wire import open_collection

FULL = catalog.folder_of("nano-full")
NANO = catalog.folder_of("nano")
TABLE = Table(
    columns=("name", "kind", "litres"),
    types=("text", "text", "number"),
    rows=(("Rex", "dog", 2.0), ("Tom", "cat", None), ("Bella", "horse", 40.0)),
)


@pytest.fixture(scope="module")
def space() -> Embedder:
    return commonspace.load("nano-full")


def falling(rate_hz: float = 60.0) -> Trace:
    t = np.arange(round(10 * rate_hz)) / rate_hz
    upward = 9.81 - 8.5 * ((t > 4) & (t < 4.6)) + 35 * np.exp(-((t - 4.65) ** 2) / 0.002)
    hit = 14 * np.exp(-((t - 4.65) ** 2) / 0.002)
    return Trace(
        array=np.stack([hit, upward, 0.5 * hit], axis=1).astype(np.float32),
        rate_hz=rate_hz,
        channels=("x", "y", "z"),
        units=("m/s^2",) * 3,
    )


def test_it_is_nano_with_two_towers_more_and_small() -> None:
    manifest = Manifest.read(FULL)
    for modality in manifest.parts:
        manifest.verify(modality)

    assert [*manifest.space.towers] == ["text", "image", "audio", "sensor", "table"]
    assert manifest.space.tier is Tier.FULL_SPECTRUM
    assert manifest.space.fingerprint != Manifest.read(NANO).space.fingerprint
    assert sum(path.stat().st_size for path in FULL.iterdir()) < 3_000_000


def test_nano_keeps_the_fingerprint_that_stores_were_filled_with() -> None:
    space = Manifest.read(NANO).space

    assert space.fingerprint == "fd1b42dd09bc8284569ea8f30c701dc3a6ea30fbd954e9dfeb03d86c5645f677"
    assert [*space.towers] == ["text", "image", "audio"]


def test_texts_have_the_vectors_of_nano(space: Embedder) -> None:
    np.testing.assert_array_equal(space.embed(["a dog", "rain"]), commonspace.load("nano").embed(["a dog", "rain"]))


def test_recordings_and_tables_have_unit_vectors_alone_and_in_company(space: Embedder) -> None:
    items = [falling(), TABLE, "a dog", falling(100.0)]

    together = space.embed(items)

    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([space.embed([item]) for item in items]), together, atol=1e-5)


def test_words_find_the_recording_that_they_describe(space: Embedder) -> None:
    words = ["a person falling", "ocean tides", "an electric kettle", "normal breathing", "a mild day outdoors"]

    scores = space.embed(words) @ space.embed([falling()])[0]

    assert scores.argmax() == 0


def test_units_and_channel_order_do_not_move_the_vector(space: Embedder) -> None:
    trace = falling()
    other = replace(
        trace,
        array=(trace.array[:, ::-1] / 9.80665).astype(np.float32),
        channels=trace.channels[::-1],
        units=("g",) * 3,
    )

    assert float(space.embed([other])[0] @ space.embed([trace])[0]) > 0.999


def test_a_table_whose_types_do_not_hold_is_refused(space: Embedder) -> None:
    with pytest.raises(ItemError, match="holds no number"):
        space.embed([replace(TABLE, rows=(("Rex", "dog", "much"),))])


def test_files_are_indexed_and_found_by_words(tmp_path: Path) -> None:
    trace, media = falling(), tmp_path / "media"
    media.mkdir()
    samples = {"rate_hz": trace.rate_hz, "channels": [{"name": name, "unit": "m/s^2"} for name in trace.channels]}
    (media / "fall.json").write_text(json.dumps({**samples, "samples": trace.array.tolist()}))
    (media / "pets.csv").write_text("name,kind,litres\nRex,dog,2\nTom,cat,\nBella,horse,40\n")
    (media / "note.txt").write_text("The train leaves at noon.")

    with open_collection(tmp_path / "store", Settings(model="nano-full", workers=1), create=True) as collection:
        collection.index([media])
        fall = collection.search("a person falling")[0]
        horse = collection.search("a horse")[0]

    assert (fall.name, fall.modality) == ("fall.json", Modality.SENSOR)
    assert (horse.name, horse.modality) == ("pets.csv", Modality.TABLE)
    assert horse.segment.text == "kind: horse; litres: 40; name: Bella"
    assert horse.segment.span is not None
    assert horse.segment.span.heading == "row 3"


def test_a_store_that_nano_filled_stays_nanos(tmp_path: Path) -> None:
    with open_collection(tmp_path / "store", Settings(model="nano", workers=1), create=True):
        pass

    with pytest.raises(SpaceMismatch):
        open_collection(tmp_path / "store", Settings(model="nano-full"))
    open_collection(tmp_path / "store", Settings(model="nano")).close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"extends": {"name": "nano", "fingerprint": "0" * 64}}, "adds towers to 'nano'"),
        ({"extends": {"name": "../nano", "fingerprint": "0" * 64}}, "names no folder"),
        ({"extends": {"name": "nobody", "fingerprint": "0" * 64}}, "no manifest.json"),
        ({"extends": {"name": "full", "fingerprint": "0" * 64}}, "adds towers to"),
        ({"extends": "nano"}, "names no folder"),
    ],
    ids=["another", "outside", "missing", "itself", "no-object"],
)
def test_what_is_extended_must_be_the_space_that_it_was(tmp_path: Path, change: dict[str, object], says: str) -> None:
    (tmp_path / "nano").symlink_to(NANO)
    shutil.copytree(FULL, tmp_path / "full")
    path = tmp_path / "full" / "manifest.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | change))

    with pytest.raises(ModelError, match=says):
        Manifest.read(tmp_path / "full")


def test_a_head_of_other_features_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    from commonspace.encode.sensing.sensor import read_head

    save_file({"weight": np.zeros((384, 3), np.float16)}, tmp_path / "sensor.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((FULL / "sensor.safetensors").read_bytes()[:1000])

    for name in ("sensor", "cut"):
        with pytest.raises(ModelError):
            read_head(tmp_path / f"{name}.safetensors")
