"""The command trains, tells, and sends heads where the gate says; the same command again goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from commonspace.align.card import card_of
from commonspace.align.pairs import Pairs, Views
from commonspace.align.recipe import read
from commonspace.align.splits import SplitPlan, assign
from commonspace.apps.measuring import distinct
from commonspace.encode.projection import load_projection
from commonspace.shell.cli.request import ExitCode
from tests.unit.align.making import made_pairs
from tests.unit.shell.conftest import Run

RECIPE = """
name = "tiny"
device = "cpu"

[data]
features = "features"
[data.split]
test = 0.3

[heads.image]
hidden = 16
before = "view:old"
start = "given"

[training]
steps = 12
batch = 32
checkpoint_steps = 5
watch_steps = 4

[closed_forms]
strengths = [0.1]

[sweep]
alphas = [0.0, 0.5, 1.0]

[[probes]]
name = "old things"
features = "probe"

[gate]
change = ["text->image", "image->text"]
"""


@pytest.fixture(autouse=True)
def features(tmp_path: Path) -> None:
    """Saved pairs where commands run, with an earlier model's vectors; the probe's pictures only that model knows."""
    torch.set_num_threads(1)
    pairs = made_pairs(120, names=("text", "image"))
    dice = np.random.default_rng(1)
    noise = dice.standard_normal(pairs.of("text").features.shape).astype(np.float32)
    pairs.with_views("old", Views.single(pairs.of("text").features + 0.8 * noise)).save(tmp_path / "features")
    probe = made_pairs(40, seed=8, names=("text", "image"))
    strange = Views.single(dice.standard_normal(probe.of("image").features.shape).astype(np.float32))
    probe.with_views("old", probe.of("text")).with_views("image", strange).save(tmp_path / "probe")
    (tmp_path / "recipe.toml").write_text(RECIPE, "utf-8")


def test_a_head_that_spoils_a_probe_is_rejected_in_words_and_kept_apart(run: Run, tmp_path: Path) -> None:
    answer = run("train", "recipe.toml", "--out", "out")

    assert answer.exit_code == ExitCode.REJECTED, answer.output
    assert "old things: text->image fell from 1.000 to" in answer.stdout
    assert (tmp_path / "out/rejected/image/head.safetensors").is_file()
    assert not (tmp_path / "out/promoted").exists()


def test_a_promoted_head_comes_with_its_papers_and_gives_the_measured_figures(run: Run, tmp_path: Path) -> None:
    answer = run("train", "recipe.toml", "--out", "out", "--json", "--set", "gate.tolerance=1.0")

    assert answer.exit_code == ExitCode.FINE, answer.output
    document = json.loads(answer.stdout)
    assert document["promoted"] is True
    assert {each["system"] for each in document["figures"]} == {"before", "ridge", "procrustes", "cca", "trained"}
    manifest = json.loads((tmp_path / "out/manifest.json").read_text("utf-8"))
    assert manifest["data"]["digest"] == Pairs.load(tmp_path / "features").with_splits(_splits(tmp_path)).digest
    assert manifest["figures"] == document["figures"]
    assert set(manifest["files"]) == {"image/head.json", "image/head.safetensors"}
    assert len(manifest["probes"]["old things"]["digest"]) == 64
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"card.md", "log.csv", "sweep.svg", "sweep.tsv", "tensorboard", "checkpoint.safetensors"} <= names
    assert (tmp_path / "out/card.md").read_text("utf-8") == card_of(manifest)
    _same_figure(tmp_path, document)


def _splits(folder: Path) -> tuple[str, ...]:
    return assign(Pairs.load(folder / "features"), SplitPlan(test=0.3)).splits


def _same_figure(folder: Path, document: "dict[str, object]") -> None:
    """R@1 of image->text on the test split, counted here by hand with the promoted head."""
    pairs = Pairs.load(folder / "features").with_splits(_splits(folder)).where("test")
    head = load_projection(folder / "out/promoted/image")
    images, asked = distinct(pairs, "image")
    texts, held = distinct(pairs, "text")
    rows = pairs.of("text").features[texts]
    scores = head(pairs.of("image").features[images]) @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T
    right = [held[int(row.argmax())] == concept for row, concept in zip(scores, asked, strict=True)]
    (told,) = [
        each
        for each in document["figures"]  # type: ignore[attr-defined]
        if (each["suite"], each["direction"], each["system"]) == ("test", "image->text", "trained")
    ]
    assert told["R@1"]["value"] == pytest.approx(np.mean(right), abs=1e-4)


def test_the_same_command_again_goes_on_and_fresh_starts_anew(run: Run, tmp_path: Path) -> None:
    first = json.loads(run("train", "recipe.toml", "--json").stdout)
    weights = (tmp_path / "runs/tiny/rejected/image/head.safetensors").read_bytes()

    again = json.loads(run("train", "recipe.toml", "--json").stdout)
    fresh = json.loads(run("train", "recipe.toml", "--json", "--fresh").stdout)

    assert [each["outcome"]["resumed_from"] for each in (first, again, fresh)] == [0, 12, 0]
    assert first["figures"] == again["figures"] == fresh["figures"]
    assert (tmp_path / "runs/tiny/rejected/image/head.safetensors").read_bytes() == weights


def test_alpha_chosen_automatically_keeps_the_probe(run: Run) -> None:
    """The old model is the head's own start here, so going back far enough keeps what the probe guards."""
    trained = json.loads(run("train", "recipe.toml", "--json", "--out", "first", "--set", "gate.tolerance=1.0").stdout)
    start = ("--set", "heads.image.start_from=first/promoted/image", "--set", "heads.image.before=auto")
    pull = ("--set", "training.rate=0.5", "--set", "sweep.choose=auto", "--set", "gate.tolerance=0.0")

    answer = run("train", "recipe.toml", "--json", "--out", "second", *start, *pull)

    document = json.loads(answer.stdout)
    assert trained["promoted"]
    assert document["promoted"], document["reasons"]
    assert document["alpha"] in {0.0, 0.5, 1.0}
    assert any("Alpha" in note for note in document["notes"])


def test_a_mistake_in_the_recipe_is_two_lines(run: Run) -> None:
    answer = run("train", "recipe.toml", "--set", "training.stepps=3")

    assert answer.exit_code == ExitCode.FAILED
    assert "error: recipe.toml has an unknown key 'training.stepps'." in answer.stderr
    assert "Did you mean 'steps'?" in answer.stderr


def test_help_shows_an_example(run: Run) -> None:
    answer = run("train", "--help")

    assert "Example: commonspace train recipe.toml" in answer.stdout


def test_the_default_folder_is_named_after_the_recipe(tmp_path: Path) -> None:
    assert read(tmp_path / "recipe.toml").name == "tiny"
