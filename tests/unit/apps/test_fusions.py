"""Fusions are compared on rows where the answer is known: which ways can find it, and what a missing part leaves."""

from pathlib import Path

import numpy as np
import pytest
import torch

from commonspace.align.fusion_file import FusionSpec, build_fusion, load_fusion, save_fusion
from commonspace.align.gate import GateSpec
from commonspace.align.pairs import Pairs, Views
from commonspace.align.plan import Schedule
from commonspace.align.recipe import Data, FusionRecipe, Recipe
from commonspace.apps.train.fusions import Compared, check_fusions, fuse, ready
from commonspace.core.errors import ModelError, UsageError

SIDE = 4
"""A concept is one of four sights with one of four sounds: neither part alone can tell it."""

PARTS = ("image", "audio")
CODES = np.eye(2 * SIDE, dtype=np.float32)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def crossed(texts: np.ndarray, *, copies: int = 3) -> Pairs:
    """Every sight with every sound, so many times: the image tells the sight, the audio the sound, the text both."""
    dice = np.random.default_rng(0)
    cells = np.tile(np.arange(SIDE * SIDE), copies)
    sight, sound = cells // SIDE, cells % SIDE
    noise = 0.01 * dice.standard_normal((2, len(cells), 2 * SIDE))
    features = {
        "image": (CODES[sight] + noise[0]).astype(np.float32),
        "audio": (CODES[SIDE + sound] + noise[1]).astype(np.float32),
        "text": texts[cells],
    }
    return Pairs.single(features, [f"concept {cell}" for cell in cells])


SUMS = np.stack([CODES[cell // SIDE] + CODES[SIDE + cell % SIDE] for cell in range(SIDE * SIDE)])
"""Texts that are the sum of what the parts say: late fusion is right by construction."""

STRANGE = np.linalg.qr(np.random.default_rng(3).standard_normal((SUMS.size, 2 * SIDE)))[0][: SIDE * SIDE]
"""Texts that have nothing to do with the parts: only what learns can find them."""


def compared(texts: np.ndarray, folder: Path, steps: int = 10) -> Compared:
    pairs = crossed(texts.astype(np.float32))
    recipe = Recipe(
        name="crossed",
        data=Data(),
        heads={},
        device="cpu",
        training=Schedule(steps=steps, batch=48, rate=0.02, watch_steps=20),
        fusions=(FusionRecipe(parts=PARTS, hidden=32, dropout=0.0, hide=0.2),),
        gate=GateSpec(measure="R@1"),
    )
    splits = dict.fromkeys(("train", "valid", "test"), pairs)
    return fuse(ready(recipe.fusions[0], splits, "text", {}), recipe, folder)


def at_one(found: Compared, way: str, *shown: str) -> tuple[float, ...]:
    """R@1 of both directions."""
    held = [each.figures for each in found.figures if (each.figures.system, each.shown) == (way, shown)]
    assert [each.direction for each in held] == ["text->image+audio", "image+audio->text"]
    return tuple(each.at(1).value for each in held)


def test_what_only_both_parts_tell_is_found_by_every_fusion_and_by_no_part_alone(tmp_path: Path) -> None:
    found = compared(SUMS, tmp_path)

    for way in ("late sum", "late weighed", "early", "hybrid"):
        assert at_one(found, way, *PARTS) == (1.0, 1.0), way
    for part in PARTS:
        assert max(at_one(found, f"{part} alone", *PARTS)) <= 0.5
    assert all(each.low > 0 for each in found.comparisons if each.rival.endswith("alone"))


def test_a_missing_part_leaves_the_sum_with_exactly_the_other_alone(tmp_path: Path) -> None:
    found = compared(SUMS, tmp_path, steps=5)

    for way in ("late sum", "late weighed"):
        assert at_one(found, way, "image") == at_one(found, "image alone", *PARTS)
        assert at_one(found, way, "audio") == at_one(found, "audio alone", *PARTS)


def test_learned_fusions_find_what_the_sum_cannot_say(tmp_path: Path) -> None:
    """The parts' vectors are strangers to the texts: adding them is no better than luck, learning from rows is."""
    found = compared(STRANGE, tmp_path, steps=80)

    assert max(at_one(found, "late sum", *PARTS)) < 0.5
    for way in ("early", "hybrid"):
        assert min(at_one(found, way, *PARTS)) > 0.9, way
        assert any(each.low > 0 for each in found.comparisons if (each.system, each.rival) == (way, "late sum"))


def test_weights_lean_on_the_part_that_knows(tmp_path: Path) -> None:
    """The image is the text itself and the audio is noise, so late fusion weighs the image more."""
    dice = np.random.default_rng(2)
    rows = dice.standard_normal((60, 8)).astype(np.float32)
    features = {"text": rows, "image": rows, "audio": dice.standard_normal((60, 8)).astype(np.float32)}
    pairs = Pairs.single(features, [str(row) for row in range(60)])
    recipe = Recipe(name="lean", data=Data(), heads={}, device="cpu", training=Schedule(steps=1, batch=8))

    splits = dict.fromkeys(("train", "valid", "test"), pairs)
    found = fuse(ready(FusionRecipe(parts=PARTS, hidden=4), splits, "text", {}), recipe, tmp_path)

    assert found.weights["image"] > found.weights["audio"]


@pytest.mark.parametrize("kind", ["late", "early", "hybrid"])
def test_each_kind_starts_as_the_sum_and_comes_back_from_its_folder_as_it_went(kind: str, tmp_path: Path) -> None:
    spec = FusionSpec(kind=kind, parts=PARTS, dimension=6, hidden=5, weights=dict.fromkeys(PARTS, 1.0))  # type: ignore[arg-type]
    dice = torch.Generator().manual_seed(4)
    parts = {name: torch.nn.functional.normalize(torch.randn(7, 6, generator=dice), dim=1) for name in PARTS}
    there = {name: torch.ones(7, dtype=torch.bool) for name in PARTS}
    module = build_fusion(spec, generator=dice).eval()
    plain = torch.nn.functional.normalize(parts["image"] + parts["audio"], dim=1)

    assert torch.allclose(module(parts, there), plain, atol=1e-6)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1)
    save_fusion(tmp_path / kind, module, spec)
    loaded, told = load_fusion(tmp_path / kind)
    assert told == spec
    assert torch.equal(loaded(parts, there), module(parts, there))


def test_a_fusion_whose_file_has_changed_is_refused(tmp_path: Path) -> None:
    spec = FusionSpec(kind="early", parts=PARTS, dimension=6, hidden=5)
    save_fusion(tmp_path, build_fusion(spec), spec)
    weights = tmp_path / "fusion.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")

    with pytest.raises(ModelError, match="is not what its description says"):
        load_fusion(tmp_path)


def test_what_cannot_be_fused_is_refused_before_anything_is_trained() -> None:
    pairs = crossed(SUMS)
    apart = pairs.with_views("audio", Views(features=pairs.of("audio").features[:0], offsets=np.zeros(49, np.int64)))

    def check(held: Pairs, *parts: str) -> None:
        recipe = Recipe(name="no", data=Data(), heads={}, fusions=(FusionRecipe(parts=parts),))
        check_fusions(recipe, dict.fromkeys(("train", "valid", "test"), held), "text")

    check(pairs, "image", "audio")
    with pytest.raises(UsageError, match="0 rows of 'train' have all of text, image, audio"):
        check(apart, "image", "audio")
    with pytest.raises(UsageError, match="cannot be fused towards 'text'"):
        check(pairs, "image", "text")
    with pytest.raises(UsageError, match="hold no 'smell'"):
        check(pairs, "image", "smell")


def test_parts_of_other_sizes_are_refused() -> None:
    pairs = crossed(SUMS).with_views("audio", Views.single(np.ones((48, 3), np.float32)))

    with pytest.raises(UsageError, match="Only vectors of one space"):
        ready(FusionRecipe(parts=PARTS), {"train": pairs}, "text", {})
