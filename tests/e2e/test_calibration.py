"""A calibrated copy of the embedded space: mixed lists with probabilities, "no good match", and untouched vectors."""

import csv
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import commonspace
from commonspace.core.errors import ModelError
from commonspace.encode import catalog
from commonspace.encode.manifest import Manifest
from commonspace.serve.settings import Settings
from recipes.nano import calibrate

LABELLED = Path(__file__).parents[1] / "data" / "labelled"
NUM_CONCEPTS = 16


def few(folder: Path) -> Path:
    """The labelled set cut down to some concepts that have pictures and a sound."""
    with (LABELLED / "labels.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    heard = sorted({row["concept"] for row in rows if row["modality"] == "audio"})[:NUM_CONCEPTS]
    with (folder / "labels.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        for row in rows:
            if row["concept"] in heard:
                (folder / row["file"]).parent.mkdir(exist_ok=True)
                shutil.copy(LABELLED / row["file"], folder / row["file"])
                writer.writerow(row)
    return folder


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the embedded space, calibrated on a part of the labelled set by the recipe's own command."""
    folder, data = tmp_path_factory.mktemp("spaces") / "nano", few(tmp_path_factory.mktemp("labelled"))
    shutil.copytree(catalog.folder_of("nano"), folder)
    bank = data / "bank.txt"
    bank.write_text("a rocket\na spoon\na castle\na bicycle\na snake\na lamp\n")
    command = ["calibrate", str(folder), "--data", str(data), "--bank", str(bank), "--dimensions", "128", "256"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command)
        assert calibrate.main() == 0
    return folder


@pytest.fixture(scope="module")
def collection(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[commonspace.Collection]:
    settings = Settings.load({"model": str(space), "workers": 1})
    store = tmp_path_factory.mktemp("mixed") / "media.cs"
    with commonspace.open(store, settings, create=True) as opened:
        names = ("dog_1.jpg", "dog_2.jpg", "violin_2.jpg", "castle_1.jpg")
        sounds = ("dog_1.ogg", "bell_1.ogg", "rain_1.ogg")
        files = [*(LABELLED / "images" / name for name in names), *(LABELLED / "sounds" / name for name in sounds)]
        assert opened.index(files).failures == ()
        yield opened


def test_calibrating_moves_no_vector(space: Path) -> None:
    before, after = Manifest.read(catalog.folder_of("nano")), Manifest.read(space)

    assert after.space.fingerprint == before.space.fingerprint
    assert after.space.dimensions == (128, 256)
    assert "calibration.json" in after.calibration
    assert sum(path.stat().st_size for path in space.iterdir()) <= 60_000_000


def test_a_mixed_list_is_ranked_by_probability(collection: commonspace.Collection) -> None:
    hits = collection.search("a dog")

    said = [hit.probability for hit in hits]
    assert all(each is not None and 0.0 <= each <= 1.0 for each in said)
    assert said == sorted(said, key=lambda each: -(each or 0.0))
    assert {hit.modality for hit in hits} == {"image", "audio"}
    assert hits[0].name.startswith("dog")
    assert hits[0].good


def test_what_is_not_there_has_no_good_match(collection: commonspace.Collection) -> None:
    hits = collection.search("the proof of a theorem in number theory")

    assert len(hits) == 7
    assert not any(hit.good for hit in hits)
    assert collection.search("the proof of a theorem in number theory", min_probability=0.5) == []


def test_inside_one_modality_the_order_is_by_score(collection: commonspace.Collection) -> None:
    scores = [hit.score for hit in collection.search("a dog", modality="image")]

    assert scores == sorted(scores, reverse=True)


def test_a_weight_moves_a_modality_down_the_list(collection: commonspace.Collection) -> None:
    hits = collection.search("a dog", weights={"image": 0.0})

    assert [hit.modality for hit in hits] == ["audio"] * 3 + ["image"] * 4


def test_vectors_are_cut_to_the_sizes_of_the_manifest(space: Path) -> None:
    embedder = commonspace.load(str(space))

    whole, cut = embedder.embed(["a dog"]), embedder.embed(["a dog"], dimensions=128)

    np.testing.assert_allclose(cut[0], whole[0, :128] / np.linalg.norm(whole[0, :128]), atol=1e-6)


def test_a_changed_calibration_is_refused(space: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nano"
    folder.mkdir()
    for path in (space / "manifest.json", space / "calibration.json", *space.glob("bank_*.npy")):
        shutil.copy(path, folder / path.name)
    document = json.loads((folder / "calibration.json").read_text("utf-8"))
    (folder / "calibration.json").write_text(json.dumps({**document, "prior": 0.9}), "utf-8")

    with pytest.raises(ModelError, match=r"calibration\.json has SHA-256"):
        commonspace.open(tmp_path / "media.cs", Settings.load({"model": str(folder)}), create=True)
