"""The command compares the recipe's fusions after the heads, and tells of them wherever it tells of a run."""

import json
from pathlib import Path

import pytest
import torch

from commonspace.align.fusion_file import load_fusion
from commonspace.shell.cli.request import ExitCode
from tests.unit.align.making import made_pairs, some_missing
from tests.unit.shell.conftest import Run

RECIPE = """
name = "both"
device = "cpu"

[data]
features = "features"
[data.split]
test = 0.3

[heads.image]
hidden = 16

[heads.audio]
hidden = 16

[training]
steps = 10
batch = 32
watch_steps = 5

[closed_forms]
strengths = [0.1]

[[fusions]]
parts = ["image", "audio"]
hidden = 8
"""


@pytest.fixture(autouse=True)
def features(tmp_path: Path) -> None:
    """Saved pairs where commands run; every third row has no sound."""
    torch.set_num_threads(1)
    some_missing(made_pairs(120), "audio", 3).save(tmp_path / "features")
    (tmp_path / "recipe.toml").write_text(RECIPE, "utf-8")


def test_fusions_are_trained_saved_and_told_of_in_the_table_the_manifest_and_the_card(run: Run, tmp_path: Path) -> None:
    answer = run("train", "recipe.toml", "--out", "out")

    assert answer.exit_code == ExitCode.FINE, answer.output
    assert "image+audio: R@10 (95% interval), with parts missing" in answer.stdout
    manifest = json.loads((tmp_path / "out/manifest.json").read_text("utf-8"))
    (fusion,) = manifest["facts"]["fusions"]
    told = {(tuple(each["shown"]), each["system"]) for each in fusion["figures"]}
    ways = ("late sum", "late weighed", "early", "hybrid")
    shown = (("image", "audio"), ("image",), ("audio",))
    assert told == {
        *((parts, way) for parts in shown for way in ways),
        *((shown[0], f"{part} alone") for part in shown[0]),
    }
    for kind in ("late", "early", "hybrid"):
        module, spec = load_fusion(tmp_path / "out/fusions/image+audio" / kind)
        assert (spec.kind, spec.parts, spec.dimension, module.training) == (kind, ("image", "audio"), 16, False)
        assert {f"{kind}/fusion.json", f"{kind}/fusion.safetensors"} <= set(fusion["files"])
    card = (tmp_path / "out/card.md").read_text("utf-8")
    assert "## Fused: image+audio" in card
    assert all(line in card and line in answer.stdout for line in fusion["comparison"])


def test_only_rows_with_every_part_are_fused(run: Run) -> None:
    """Of the 120 rows a third has no sound."""
    document = json.loads(run("train", "recipe.toml", "--json").stdout)

    (fusion,) = document["fusions"]
    assert sum(fusion["rows"].values()) == 80
    items = {each["num_items"] for each in fusion["figures"] if each["direction"] == "text->image+audio"}
    assert items == {fusion["rows"]["test"]}


def test_a_fusion_of_what_is_not_there_is_refused_before_training(run: Run, tmp_path: Path) -> None:
    answer = run("train", "recipe.toml", "--out", "out", "--set", "fusions.0.parts=['image', 'smell']")

    assert answer.exit_code == ExitCode.FAILED
    assert "The pairs hold no 'smell'." in answer.stderr
    assert not (tmp_path / "out/log.csv").exists()
