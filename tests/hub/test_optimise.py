"""Exports for OpenVINO agree with PyTorch and are used from then on; those that disagree or are slower are not."""

from dataclasses import replace
from itertools import cycle
from pathlib import Path
from shutil import copytree

import numpy as np
import orjson
import pytest
import torch
from safetensors.torch import load_file, save_file

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.hub import optimise as optimising
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.exports import export_of, optimised_folder, optimised_precision
from commonspace.encode.hub.families import read_checkpoint
from commonspace.encode.hub.loading import loaded
from commonspace.encode.hub.optimise import Recording, optimise
from commonspace.encode.hub.parts import optimise_parts
from commonspace.encode.hub.running import Running, TorchGraph
from commonspace.encode.hub.samples import sample_contents
from commonspace.encode.runtime import Precision
from commonspace.encode.tower import Tower
from commonspace.ingest.plan import Plan
from tests.hub.checkpoints import make

pytestmark = pytest.mark.filterwarnings("ignore")
WORDS = ["a dog", "rain", "the quick brown fox jumps over"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("clip", tmp_path_factory.mktemp("optimise") / "clip")


@pytest.fixture(autouse=True)
def _twice_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """What towers are said to take, PyTorch and the export in turns: no test hangs on how busy the machine is."""
    _told(monkeypatch, 2.0, 1.0)


def _texts_alone(checkpoint: Checkpoint) -> Checkpoint:
    return replace(checkpoint, space=replace(checkpoint.space, towers=(Modality.TEXT,)))


def _told(patch: pytest.MonkeyPatch, eager: float, export: float) -> None:
    turns = cycle((eager, export))
    patch.setattr(optimising, "_seconds", lambda *_: next(turns))


def test_exports_give_the_same_vectors_in_batches_of_any_size(folder: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(folder)

    exports = optimise(checkpoint, tmp_path / "out", precision=Precision.F32, threads=1)

    assert {each.modality for each in exports} == {Modality.TEXT, Modality.IMAGE}
    assert all(each.least_cosine > 1 - 1e-5 and each.kept and each.speed_up == 2 for each in exports)
    assert optimised_precision(tmp_path / "out", checkpoint.space.towers) == "f32"
    for modality in checkpoint.space.towers:
        plain, quick = (
            checkpoint.tower(modality, running)
            for running in (Running(threads=1), Running(threads=1, optimised=tmp_path / "out"))
        )
        features = [plain.prepare(content) for content in sample_contents(modality, 16_000)] * 3
        np.testing.assert_allclose(quick.encode(features), plain.encode(features), atol=1e-4)


def test_an_export_is_judged_on_other_contents_than_it_was_traced_with(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, judged, traced = read_checkpoint(folder), [], []
    own_judged, own_model = vars(optimising)["_judged"], Recording.model
    monkeypatch.setattr(optimising, "_judged", lambda *given: judged.extend(map(tuple, given[2])) or own_judged(*given))
    monkeypatch.setattr(
        Recording,
        "model",
        lambda self, **how: (
            traced.extend(tuple(row) for batch in self.batches for row in batch["input_ids"]) or own_model(self, **how)
        ),
    )
    recording = Recording(1)
    tower = checkpoint.tower(Modality.TEXT, recording.running())

    found = optimising.export_tower(checkpoint, tower, recording, tmp_path, (Precision.F32,))

    cut = [tuple(row[: len(ids)]) for row in traced for ids in judged]
    assert found.num_samples == len(judged) == 12
    assert len(traced) == 4
    assert not set(judged) & set(cut)


def test_an_export_that_disagrees_is_refused_and_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimising, "LEAST_COSINE", 1.1)

    with pytest.raises(ModelError, match="cosine of only"):
        optimise(_texts_alone(read_checkpoint(folder)), tmp_path / "out", precision=Precision.F32, threads=1)

    assert list(tmp_path.iterdir()) == []


def test_an_export_that_is_slower_is_not_kept_and_pytorch_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = _texts_alone(read_checkpoint(folder))
    _told(monkeypatch, 1.0, 1.5)

    found = optimise(checkpoint, tmp_path, precision=Precision.F32, threads=1)

    assert {(each.kept, each.reason) for each in found} == {(False, "PyTorch is quicker")}
    assert not list(tmp_path.glob("*.xml")) + list(tmp_path.glob("*.bin"))
    assert optimised_precision(tmp_path, checkpoint.space.towers) is None
    assert isinstance(_graph(checkpoint.tower(Modality.TEXT, Running(optimised=tmp_path))), TorchGraph)


def test_the_first_use_exports_and_later_ones_do_without_pytorch(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = catalog.load(folder, Plan(), threads=1).embed(WORDS)
    exporting = Running(threads=1, cache=tmp_path, exporting=True)

    first = catalog.load_running(folder, Plan(), exporting).embed(WORDS)

    home = optimised_folder(tmp_path, read_checkpoint(folder).space.fingerprint)
    assert sorted(path.name for path in home.iterdir()) == ["text.bin", "text.json", "text.xml"]
    monkeypatch.setattr(TorchGraph, "run", None)
    exact = catalog.load(folder, Plan(), precision=Precision.F32, threads=1, cache=tmp_path).embed(WORDS)
    again = catalog.load_running(folder, Plan(), exporting).embed(WORDS)
    np.testing.assert_allclose(exact, reference, atol=1e-4)
    np.testing.assert_array_equal(again, first)
    assert (first * reference).sum(axis=1).min() >= optimising.LEAST_COSINE


def test_what_cannot_be_exported_runs_in_pytorch_and_is_not_tried_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    def refuse(self: Recording, **_: bool) -> None:
        tried.append(self)
        raise ModelError("It cannot be traced.", fix="Use it as it is.")

    monkeypatch.setattr(Recording, "model", refuse)
    checkpoint = read_checkpoint(folder)

    towers = [loaded(checkpoint, Modality.TEXT, Running(threads=1, cache=tmp_path, exporting=True)) for _ in "12"]

    assert all(isinstance(_graph(tower), TorchGraph) for tower in towers)
    assert len(tried) == 1
    told = export_of(optimised_folder(tmp_path, checkpoint.space.fingerprint), Modality.TEXT)
    assert told is not None
    assert told.reason == "It cannot be traced."


def test_members_are_exported_one_by_one_and_providers_left_alone(folder: Path, tmp_path: Path) -> None:
    one = _texts_alone(read_checkpoint(folder))
    away = replace(one, leaves_to="example.org", space=replace(one.space, fingerprint="away"))
    said: list[str] = []

    found = optimise_parts(
        replace(one, members=(one, away, one)), tmp_path, precision=Precision.F32, threads=1, say=said.append
    )

    assert [each.modality for each in found] == list(one.space.towers)
    assert said[0] == f"member {one.space.name}"
    assert [path.name for path in (tmp_path / "optimised").iterdir()] == [one.space.fingerprint]


def test_a_declared_dimension_that_the_network_does_not_keep_is_refused_when_it_loads(
    folder: Path, tmp_path: Path
) -> None:
    lying = copytree(folder, tmp_path / "lying")
    config = orjson.loads((lying / "config.json").read_bytes())
    checkpoint = read_checkpoint(lying)
    assert config["projection_dim"] == checkpoint.space.dimension == 16

    with pytest.raises(ModelError, match="gives 16 numbers; its configuration says 24"):
        loaded(replace(checkpoint, space=replace(checkpoint.space, dimension=24)), Modality.TEXT, Running(threads=1))


def test_weights_that_changed_in_their_folder_are_read_again(folder: Path, tmp_path: Path) -> None:
    changing = copytree(folder, tmp_path / "changing")
    before = catalog.load(changing, Plan(), threads=1).embed(WORDS)
    weights = load_file(changing / "model.safetensors")
    weights["text_projection.weight"] = torch.flip(weights["text_projection.weight"], dims=(0,))
    save_file(weights, changing / "model.safetensors", metadata={"format": "pt"})

    after = catalog.load(changing, Plan(), threads=1).embed(WORDS)

    np.testing.assert_allclose(after, before[:, ::-1], atol=1e-5)


def _graph(tower: Tower) -> object:
    return vars(tower)["_graph"]
