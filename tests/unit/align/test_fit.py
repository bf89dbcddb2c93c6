"""The loop learns, does the same every time, and goes on from any checkpoint as if it had never stopped."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from commonspace.align.branches import Fused
from commonspace.align.checkpoint import Checkpoint
from commonspace.align.fit import CHECKPOINT, fit
from commonspace.align.fusion import Early
from commonspace.align.heads import HeadSpec, build_head
from commonspace.align.mining import encoded
from commonspace.align.mixing import Mixing
from commonspace.align.negatives import HardNegatives
from commonspace.align.pairs import Pairs
from commonspace.align.plan import Plan, Progress, Schedule
from commonspace.align.terms import Contrast, Distil, Relate, StayClose, Structure
from commonspace.core.errors import UsageError
from tests.unit.align.making import SIZES, made_pairs, some_missing

CPU = torch.device("cpu")
SIMPLE = Plan(terms=(Contrast(),), schedule=Schedule(steps=40, batch=48, rate=3e-3, watch_steps=10, checkpoint_steps=9))
EVERYTHING = Plan(
    terms=(
        Contrast(anchoring="all", false_negatives=0.95, matryoshka=(4, 8)),
        Contrast(kind="sigmoid", weight=0.1),
        Distil(modality="image", target="text", weight=0.1),
        Relate(modality="audio", target="text", weight=0.1),
        Structure(modality="image", weight=0.1, levels=2),
        StayClose(modality="audio", weight=0.01),
    ),
    schedule=Schedule(steps=21, batch=32, chunk=12, average=0.9, watch_steps=4, checkpoint_steps=5),
    mixing=Mixing(share=0.5),
    negatives=HardNegatives(company=1, every_steps=6),
)


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def branches(dropout: float = 0.0) -> dict[str, nn.Module]:
    made: dict[str, nn.Module] = {"text": nn.Identity()}
    for name in ("image", "audio"):
        spec = HeadSpec(kind="residual", hidden=16, dropout=dropout)
        made[name] = build_head(spec, SIZES[name], SIZES["text"], generator=torch.Generator().manual_seed(1))
    return made


def states(made: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
    return {f"{name}.{place}": value for name, each in made.items() for place, value in each.state_dict().items()}


def equal(one: Mapping[str, nn.Module], other: Mapping[str, nn.Module]) -> bool:
    first, second = states(one), states(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def nearness(pairs: Pairs) -> "object":
    """How often a picture's own text is the nearest of its batch."""

    def watch(made: Mapping[str, nn.Module]) -> float:
        text, image = (encoded(made[name], pairs.of(name).features, CPU) for name in ("text", "image"))
        return float(((image @ text.T).argmax(dim=1) == torch.arange(len(pairs))).float().mean())

    return watch


def rows() -> Pairs:
    return some_missing(made_pairs(), "audio", 3)


def test_training_brings_modalities_together_that_were_apart() -> None:
    pairs, made = made_pairs(60), branches()
    watch = nearness(pairs)
    start = watch(made)  # type: ignore[operator]

    outcome = fit(pairs, made, SIMPLE, watch=watch)  # type: ignore[arg-type]

    assert start < 0.1
    assert outcome.best_score is not None
    assert outcome.best_score > 0.5
    assert watch(made) == outcome.best_score  # type: ignore[operator]
    assert outcome.steps == 40


def test_an_anchor_without_parameters_and_a_frozen_branch_stay_as_they_were() -> None:
    made = branches()
    made["audio"].requires_grad_(requires_grad=False)
    before = {name: value.clone() for name, value in states(made).items()}

    fit(rows(), made, SIMPLE)

    after = states(made)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("audio"))
    assert not any(torch.equal(before[name], after[name]) for name in before if name.startswith("image.skip"))


@pytest.mark.parametrize("killed_at", [6, 11, 20])
def test_a_killed_run_goes_on_to_the_same_bits(killed_at: int, tmp_path: Path) -> None:
    whole, broken, resumed = branches(0.2), branches(0.2), branches(0.2)
    watch = nearness(made_pairs(40, seed=5))
    expected = fit(rows(), whole, EVERYTHING, watch=watch)  # type: ignore[arg-type]

    def kill(progress: Progress) -> None:
        if progress.step == killed_at:
            raise Killed

    with pytest.raises(Killed):
        fit(rows(), broken, EVERYTHING, folder=tmp_path, watch=watch, report=kill)  # type: ignore[arg-type]
    outcome = fit(rows(), resumed, EVERYTHING, folder=tmp_path, watch=watch)  # type: ignore[arg-type]

    assert outcome.resumed_from == killed_at // 5 * 5
    assert equal(resumed, whole)
    assert replace(outcome, resumed_from=0) == expected


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first, second = branches(), branches()
    steps: list[int] = []
    fit(rows(), first, SIMPLE, folder=tmp_path)

    outcome = fit(rows(), second, SIMPLE, folder=tmp_path, report=lambda progress: steps.append(progress.step))

    assert steps == []
    assert outcome.resumed_from == outcome.steps == 40
    assert equal(first, second)


@pytest.mark.parametrize("changed", ["rows", "plan", "start"])
def test_a_checkpoint_of_another_run_is_refused(changed: str, tmp_path: Path) -> None:
    fit(rows(), branches(), SIMPLE, folder=tmp_path)
    pairs = made_pairs(seed=9) if changed == "rows" else rows()
    plan = replace(SIMPLE, seed=1) if changed == "plan" else SIMPLE
    made = branches()
    if changed == "start":
        nn.init.zeros_(made["image"].skip.weight)  # type: ignore[union-attr,arg-type]

    with pytest.raises(UsageError, match="of another run"):
        fit(pairs, made, plan, folder=tmp_path)


def test_a_damaged_checkpoint_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"no tensors")

    with pytest.raises(UsageError, match=r"is no checkpoint.*--fresh"):
        Checkpoint.read(tmp_path / CHECKPOINT, "run")


def test_a_chunk_changes_nothing_but_rounding() -> None:
    whole, chunked = branches(), branches()
    plan = replace(SIMPLE, schedule=replace(SIMPLE.schedule, steps=5))

    fit(rows(), whole, plan)
    fit(rows(), chunked, replace(plan, schedule=replace(plan.schedule, chunk=7)))

    one, other = states(whole), states(chunked)
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)


def test_patience_ends_a_run_and_the_best_weights_come_out() -> None:
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.2])
    kept: list[dict[str, torch.Tensor]] = []

    def watch(made: Mapping[str, nn.Module]) -> float:
        kept.append({name: value.clone() for name, value in states(made).items()})
        return next(scores)

    made = branches()
    outcome = fit(rows(), made, replace(SIMPLE, schedule=replace(SIMPLE.schedule, steps=60, patience=2)), watch=watch)

    assert (outcome.steps, outcome.best_step, outcome.stopped_early) == (40, 20, True)
    assert all(torch.equal(value, kept[1][name]) for name, value in states(made).items())


def test_a_branch_may_be_a_whole_encoder_over_pixels() -> None:
    pairs = made_pairs(60)
    pixels = ((pairs.of("image").features[:, :12].reshape(60, 2, 2, 3) + 1) * 127).astype("uint8")
    from commonspace.align.pairs import Views

    class Pixels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 32), nn.GELU(), nn.Linear(32, SIZES["text"]))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            assert image.dtype == torch.uint8
            return self.layers(image.float() / 127 - 1)

    losses: list[float] = []
    plan = replace(SIMPLE, schedule=replace(SIMPLE.schedule, chunk=16))
    torch.manual_seed(0)
    fit(
        pairs.with_views("image", Views.single(pixels)),
        {"text": nn.Identity(), "image": Pixels()},
        plan,
        report=lambda each: losses.append(each.loss),
    )

    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_a_run_in_which_nothing_can_learn_is_refused() -> None:
    with pytest.raises(UsageError, match="No branch can learn"):
        fit(rows(), {"text": nn.Identity(), "image": nn.Identity()}, SIMPLE)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(UsageError, match="no device 'warp'"):
        fit(rows(), branches(), replace(SIMPLE, device="warp"))


def test_the_rate_rises_then_falls_along_a_cosine() -> None:
    schedule = Schedule(steps=100, rate=1.0, warmup=0.1, floor=0.2)

    assert schedule.rate_at(0) == pytest.approx(0.1)
    assert schedule.rate_at(9) == pytest.approx(1.0)
    assert schedule.rate_at(55) == pytest.approx(0.6)
    assert schedule.rate_at(100) == pytest.approx(0.2)


def test_a_fused_branch_learns_from_rows_that_lack_a_modality() -> None:
    """Early fusion with modality dropout: the text is found from picture and sound, and from either alone."""
    pairs = some_missing(made_pairs(180), "audio", 3)
    widths = {"image": SIZES["image"], "audio": SIZES["audio"]}
    early = Early(
        widths, SIZES["text"], HeadSpec(kind="residual", hidden=32), generator=torch.Generator().manual_seed(0)
    )
    made = {"text": nn.Identity(), "image+audio": Fused(early, ("image", "audio"), rate=0.3)}
    losses: list[float] = []

    fit(pairs, made, SIMPLE, report=lambda each: losses.append(each.loss))

    both = made_pairs(60)
    parts = [torch.from_numpy(both.of(name).features) for name in widths]
    text = nn.functional.normalize(torch.from_numpy(both.of("text").features), dim=1)
    for mask in ([1.0, 1.0], [1.0, 0.0], [0.0, 1.0]):
        fused = made["image+audio"](*parts, torch.tensor([mask]).repeat(60, 1))
        assert float(((fused @ text.T).argmax(dim=1) == torch.arange(60)).float().mean()) > 0.2
    assert sum(losses[-5:]) < sum(losses[:5])
