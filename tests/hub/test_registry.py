"""A real checkpoint through the registry and the command line: shown, compared, made quicker, made small."""

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from commonspace.core.errors import CommonspaceError, MissingExtra, ModelError, UsageError
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.hub import quantise as quantising
from commonspace.encode.hub.quantise import losses
from commonspace.encode.hub.running import TorchGraph
from commonspace.encode.runtime import openvino
from commonspace.ingest.plan import Plan
from commonspace.serve.settings import Settings
from commonspace.shell.cli import build
from commonspace.shell.cli.wiring import House
from commonspace.shell.registry import optimize, quantize, show
from tests.hub.checkpoints import make

LEAST_RANDOM = 0.3
"""Random weights carry the errors of int8 further than trained ones, and would be refused: see the test of that."""

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("clip", tmp_path_factory.mktemp("registry") / "clip")


@pytest.fixture
def models(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pulled models with one in it, and a cache of its own."""
    monkeypatch.setenv("COMMONSPACE_MODELS_FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("COMMONSPACE_CACHE_FOLDER", str(tmp_path / "cache"))
    monkeypatch.setenv("COMMONSPACE_THREADS", "1")
    monkeypatch.setenv("COMMONSPACE_EXPORT_MODELS", "false")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr("commonspace.encode.hub.checkup.SECONDS", 0.0)
    copytree(original, tmp_path / "models" / "org" / "clip")
    return tmp_path / "models"


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(build(House()), list(arguments))
    assert result.exit_code == 0, result.stderr
    return result


def test_a_checkpoint_is_listed_with_its_family_and_a_broken_one_with_its_cause(models: Path) -> None:
    (models / "org" / "clip" / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    broken = models / "org" / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "clip"}')

    document = json.loads(run("models", "list", "--json").stdout)

    told = next(each for each in document["spaces"] if each["name"] == "org/clip")
    assert (told["family"], told["source"], told["dimension"]) == ("transformers image-text", "pulled", 16)
    assert (told["licence"], told["tier"], told["fingerprint"]) == ("cc-by-nc-4.0", "bimodal", None)
    assert [each["name"] for each in document["unusable"]] == ["org/broken"]


def test_show_measures_once_and_remembers(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert models.is_dir()
    first = show("org/clip")
    monkeypatch.setattr("commonspace.shell.registry.examine", None)  # whoever measures again fails

    second = show("org/clip")

    assert first.checkup == second.checkup
    assert second.checkup is not None
    assert set(second.checkup.paces) == {Modality.TEXT, Modality.IMAGE}
    assert all(pace.best_a_second >= 1 / pace.single_milliseconds for pace in second.checkup.paces.values())
    assert all(each.batch_cosine > 0.9999 and each.repeated_cosine > 0.9999 for each in second.checkup.vitals.values())
    assert (second.contract.max_tokens, second.contract.precision, second.contract.optimised) == (77, "f32", None)


def test_models_stand_side_by_side(models: Path) -> None:
    copytree(models / "org" / "clip", models / "org" / "other")

    document = json.loads(run("models", "compare", "org/clip", "org/other", "--json").stdout)
    printed = run("models", "compare", "org/clip", "org/other").stdout

    assert [each["dimension"] for each in document["models"]] == [16, 16]
    assert all("text" in each["measured"]["speed"] for each in document["models"])
    assert "image speed" in printed
    assert run("models", "show", "org/clip", "--no-check").stdout.startswith("name ")


def test_an_export_is_used_from_then_on_and_gives_the_same_vectors(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["a dog", "rain"]
    before = catalog.load(models / "org" / "clip", Plan()).embed(words)

    kept = json.loads(run("models", "optimize", "org/clip", "--precision", "f32", "--json").stdout)

    assert kept["kept"] is True
    assert all(each["least_cosine"] > 0.9999 for each in kept["exports"])
    monkeypatch.setattr(TorchGraph, "run", None)  # PyTorch is not asked any more
    settings = Settings.load()
    assert settings.cache_folder is not None
    after = catalog.load(models / "org" / "clip", Plan(), cache=settings.cache_folder).embed(words)
    np.testing.assert_allclose(after, before, atol=1e-4)
    assert show("org/clip", check=False).contract.optimised == "f32"


def test_a_dry_run_keeps_nothing(models: Path) -> None:
    exports = optimize("org/clip", precision="f32", keep=False)

    assert {each.modality for each in exports} == {Modality.TEXT, Modality.IMAGE}
    assert show(str(models / "org" / "clip"), check=False).contract.optimised is None


@pytest.mark.parametrize(
    ("name", "precision", "message"),
    [("nano", None, "optimised as it comes"), ("org/clip", "f8", "no precision 'f8'")],
)
@pytest.mark.usefixtures("models")
def test_what_cannot_be_optimised_is_refused(name: str, precision: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        optimize(name, precision=precision)


@pytest.fixture(scope="module")
def copied(original: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder of models with one and its int8 copy, calibrated on pairs; and what was said of the copy."""
    pytest.importorskip("nncf")
    home = tmp_path_factory.mktemp("copied")
    copytree(original, home / "models" / "org" / "clip")
    pairs, random = home / "pairs", np.random.default_rng(1)
    pairs.mkdir()
    for number in range(8):
        Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(pairs / f"{number}.png")
        (pairs / f"{number}.txt").write_text(f"picture number {number}")
    where = ("--set", f"models_folder={home / 'models'}", "--set", "threads=1", "--pairs", str(pairs), "--json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantising, "LEAST_COSINE", LEAST_RANDOM)
        printed = run("models", "optimize", "org/clip", "--precision", "int8", *where).stdout
    return home / "models", json.loads(printed)


def test_an_int8_copy_is_a_space_of_its_own_with_its_loss_in_every_direction(
    copied: tuple[Path, dict[str, Any]],
) -> None:
    models, document = copied

    folder = models / "org" / "clip-int8"
    assert document["folder"] == str(folder)
    assert all(LEAST_RANDOM <= each["least_cosine"] < 1 for each in document["exports"])
    assert {each["direction"] for each in document["losses"]} == {"text->image", "image->text"}
    assert all((each["num_queries"], each["recall_before"] is None) == (4, False) for each in document["losses"])
    plain, small = (catalog.load(each, Plan()) for each in (models / "org" / "clip", folder))
    with pytest.raises(CommonspaceError, match="not of 'clip"):
        plain.space.require_same(small.space)
    cosines = (plain.embed(["a dog", "rain"]) * small.embed(["a dog", "rain"])).sum(axis=1)
    assert 0.3 < cosines.min() < 0.99999
    assert [card.family for card in catalog.checkpoints(models)[0]] == [
        "transformers image-text",
        "transformers image-text, int8",
    ]


def test_an_int8_copy_whose_checkpoint_was_changed_is_refused(
    copied: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder = copytree(copied[0] / "org" / "clip-int8", tmp_path / "changed")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "changed": True}))

    with pytest.raises(ModelError, match="not those that its int8 graphs were made of"):
        catalog.load(folder, Plan())


def test_int8_that_moves_vectors_too_far_leaves_nothing(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def keep_plain(recording: Any, path: Path) -> None:
        openvino().save_model(recording.model(), path, compress_to_fp16=False)

    monkeypatch.setattr(quantising, "_save", keep_plain)
    monkeypatch.setattr(quantising, "LEAST_COSINE", 1.1)

    with pytest.raises(ModelError, match="cosine of only"):
        quantize("org/clip")

    assert [path.name for path in (models / "org").iterdir()] == ["clip"]


def test_pairs_that_are_none_are_refused(models: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has 0 rows"):
        quantize("org/clip", pairs=tmp_path / "cache")
    assert models.is_dir()


def test_losses_are_told_by_direction() -> None:
    before = {Modality.TEXT: np.eye(3, dtype=np.float32), Modality.IMAGE: np.eye(3, dtype=np.float32)}
    after = {**before, Modality.IMAGE: np.eye(3, dtype=np.float32)[[1, 0, 2]]}

    found = {each.direction: each for each in losses(before, after, paired=frozenset(before))}

    loss = found["text->image"]
    assert (loss.same_best, loss.recall_before, loss.recall_after) == (pytest.approx(1 / 3), 1.0, pytest.approx(1 / 3))
    assert loss.score_change == pytest.approx(4 / 9)


def test_without_nncf_the_install_line_is_told(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nncf", None)

    with pytest.raises(MissingExtra, match=r"pip install 'commonspace\[hub\]'"):
        quantize(str(models / "org" / "clip"), to=models / "small")
