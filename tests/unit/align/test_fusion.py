"""Fusion adds what is present, starts where it should, and lets nothing of a missing part through."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from commonspace.align.fusion import Early, Fusion, Hybrid, Late, drop_modalities
from commonspace.align.heads import HeadSpec
from commonspace.core.errors import UsageError

NAMES = ("text", "image", "audio")
WIDTHS = dict.fromkeys(NAMES, 4)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def parts(num: int, seed: int = 0) -> dict[str, Tensor]:
    """Unit vectors of every modality."""
    return {
        name: functional.normalize(torch.randn(num, 4, generator=seeded(seed + place)), dim=1)
        for place, name in enumerate(NAMES)
    }


def present(*rows: str) -> dict[str, Tensor]:
    """Masks from the first letters of what each row has: "ti" has text and image."""
    return {name: torch.tensor([name[0] in row for row in rows]) for name in NAMES}


def moved(module: nn.Module) -> nn.Module:
    """Every weight away from its start."""
    generator = seeded(9)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator))
    return module


def late() -> Late:
    return Late({"text": 1.0, "image": 0.5, "audio": 2.0})


def early() -> Early:
    return moved(Early(WIDTHS, 4, HeadSpec(kind="residual", hidden=8), generator=seeded(1)))


def hybrid() -> Hybrid:
    return moved(Hybrid(NAMES, 4, hidden=8, generator=seeded(1)))


every_way = pytest.mark.parametrize("make", [late, early, hybrid])
ROWS = ("tia", "ti", "ta", "ia", "t", "i", "a")


@every_way
def test_the_fused_rows_are_unit_vectors(make: Callable[[], Fusion]) -> None:
    fused = make()(parts(7), present(*ROWS))

    torch.testing.assert_close(fused.norm(dim=1), torch.ones(7))


@every_way
@pytest.mark.parametrize("rubbish", [7.0, float("nan"), float("inf")])
def test_what_a_missing_part_holds_never_shows(make: Callable[[], Fusion], rubbish: float) -> None:
    module, there, clean = make(), present(*ROWS), parts(7)
    dirty = {name: torch.where(there[name][:, None], part, rubbish) for name, part in clean.items()}

    assert torch.equal(module(dirty, there), module(clean, there))


@every_way
def test_what_a_missing_part_holds_never_shows_in_the_gradient(make: Callable[[], Fusion]) -> None:
    module, there = make(), present(*ROWS)
    dirty = {name: torch.where(there[name][:, None], part, torch.nan) for name, part in parts(7).items()}
    for part in dirty.values():
        part.requires_grad_()

    slopes = torch.autograd.grad(module(dirty, there)[:, 0].sum(), list(dirty.values()))

    for name, slope in zip(NAMES, slopes, strict=True):
        assert torch.isfinite(slope).all()
        assert slope[~there[name]].abs().max() == 0
        assert slope[there[name]].abs().max() > 0


@every_way
def test_what_is_present_shows(make: Callable[[], Fusion]) -> None:
    module, there = make(), present("tia")
    fused = module(parts(1), there)

    for name in NAMES:
        assert not torch.allclose(module(parts(1) | {name: parts(1, seed=50)[name]}, there), fused, atol=1e-3)


@every_way
def test_a_row_fuses_alike_alone_and_among_others(make: Callable[[], Fusion]) -> None:
    module, whole, there = make(), parts(7), present(*ROWS)
    fused = module(whole, there)

    for row in range(7):
        alone = {name: part[row : row + 1] for name, part in whole.items()}
        torch.testing.assert_close(module(alone, present(ROWS[row])), fused[row : row + 1])


@every_way
def test_a_row_of_nothing_gives_zeros(make: Callable[[], Fusion]) -> None:
    assert torch.equal(make()(parts(2), present("ti", ""))[1], torch.zeros(4))


@every_way
def test_other_modalities_are_refused(make: Callable[[], Fusion]) -> None:
    with pytest.raises(UsageError, match="made for text, image, audio"):
        make()({"text": parts(1)["text"]}, present("t"))


def test_late_fusion_is_the_weighted_sum_of_what_is_there() -> None:
    whole, there = parts(7), present(*ROWS)

    fused = late()({name: 3 * part for name, part in whole.items()}, there)

    for row, has in enumerate(ROWS):
        total = [0.0] * 4
        for name, weight in (("text", 1.0), ("image", 0.5), ("audio", 2.0)):
            if name[0] in has:
                total = [sofar + weight * value for sofar, value in zip(total, whole[name][row].tolist(), strict=True)]
        length = sum(value * value for value in total) ** 0.5
        torch.testing.assert_close(fused[row], torch.tensor(total) / length)


def test_a_lone_part_comes_through_late_fusion_as_it_is() -> None:
    torch.testing.assert_close(late()(parts(1), present("i")), parts(1)["image"])


@pytest.mark.parametrize("weights", [{}, {"text": -1.0, "image": 2.0}, {"text": 0.0}])
def test_late_weights_that_make_no_sense_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="The weights are"):
        Late(weights)


def test_early_fusion_reads_features_of_different_widths_and_the_mask() -> None:
    wide = {"text": torch.randn(2, 3, generator=seeded(0)), "image": torch.randn(2, 5, generator=seeded(1))}
    there = {"text": torch.tensor([True, True]), "image": torch.tensor([True, False])}
    module = moved(Early({"text": 3, "image": 5}, 4, HeadSpec(kind="linear")))

    fused = module(wide, there)

    told = torch.tensor([[*wide["text"][0], *wide["image"][0], 1, 1], [*wide["text"][1], *[0.0] * 5, 1, 0]])
    torch.testing.assert_close(fused, functional.normalize(module.head(told), dim=1))


def test_hybrid_fusion_starts_as_late_fusion_of_equal_weights() -> None:
    whole, there = parts(7), present(*ROWS)

    fused = Hybrid(NAMES, 4, hidden=8)(whole, there)

    torch.testing.assert_close(fused, Late(dict.fromkeys(NAMES, 1.0))(whole, there))


def test_hybrid_weights_count_only_what_is_there_and_sum_to_its_number() -> None:
    there = present(*ROWS)

    weights = hybrid().weights(parts(7), there)

    assert weights.shape == (7, 3)
    assert (weights[~torch.stack([there[name] for name in NAMES], dim=1)] == 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.tensor([3.0, 2, 2, 2, 1, 1, 1]))
    assert weights[0].std() > 0.01


def test_modality_dropout_hides_about_its_rate_and_never_a_rows_last() -> None:
    there = present(*["tia"] * 4000, *["t"] * 100)

    kept = drop_modalities(there, rate=0.25, generator=seeded(0))

    left = torch.stack([kept[name] for name in NAMES], dim=1)
    assert left.any(dim=1).all()
    assert not (left & ~torch.stack([there[name] for name in NAMES], dim=1)).any()
    share = left[:4000].float().mean().item()
    assert share == pytest.approx(0.75 + 0.25**3, abs=0.02)  # rows that would lose all keep all


def test_modality_dropout_of_rate_zero_hides_nothing() -> None:
    there = present(*ROWS)

    kept = drop_modalities(there, rate=0.0, generator=seeded(0))

    assert all(torch.equal(kept[name], there[name]) for name in NAMES)
    with pytest.raises(UsageError, match=r"rate of modality dropout is 1\.0"):
        drop_modalities(there, rate=1.0)


def test_the_same_generator_hides_the_same() -> None:
    there = present(*ROWS)

    one, same = (drop_modalities(there, rate=0.5, generator=seeded(4)) for _ in range(2))

    assert all(torch.equal(one[name], same[name]) for name in NAMES)
