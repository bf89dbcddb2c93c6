"""The penalty measures the way from the start; interpolation leads back along it."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from commonspace.align.preserve import L2SP, Mixture, best_alpha, interpolate, sweep_alpha
from commonspace.core.errors import UsageError


def network(seed: int) -> nn.Module:
    """A small network whose every weight depends on the seed."""
    generator = torch.Generator().manual_seed(seed)
    made = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    with torch.no_grad():
        for weight in made.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
    return made


def test_the_penalty_is_zero_at_the_start() -> None:
    assert L2SP(network(0))().item() == 0.0


def test_the_penalty_agrees_with_the_loop() -> None:
    module = network(0).double()
    penalty = L2SP(module)
    before = {name: weight.tolist() for name, weight in module.named_parameters()}
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(1.5).add_(0.1)

    expected = 0.0
    for name, weight in module.named_parameters():
        old, new = torch.tensor(before[name]).flatten().tolist(), weight.flatten().tolist()
        for one, other in zip(old, new, strict=True):
            expected += (other - one) ** 2 / 2
    assert penalty().item() == pytest.approx(expected, rel=1e-6)


def test_the_penalty_pulls_back_by_the_way_gone() -> None:
    module = nn.Linear(3, 2)
    penalty = L2SP(module)
    with torch.no_grad():
        module.weight.add_(0.25)

    slopes = torch.autograd.grad(penalty(), list(module.parameters()))

    torch.testing.assert_close(slopes[0], torch.full((2, 3), 0.25))
    torch.testing.assert_close(slopes[1], torch.zeros(2))


def test_frozen_weights_are_none_of_its_business() -> None:
    module = network(0)
    module[0].requires_grad_(requires_grad=False)
    penalty = L2SP(module)
    with torch.no_grad():
        module[0].weight.add_(1.0)

    assert penalty().item() == 0.0
    with pytest.raises(UsageError, match="No weight"):
        L2SP(module.requires_grad_(requires_grad=False))


def test_the_ends_of_an_interpolation_are_exact() -> None:
    start, end = network(0).state_dict(), network(1).state_dict()

    for alpha, exact in ((0.0, start), (1.0, end)):
        found = interpolate(start, end, alpha)

        assert found.keys() == exact.keys()
        assert all(torch.equal(found[name], value) for name, value in exact.items())
        assert all(found[name].data_ptr() != value.data_ptr() for name, value in exact.items())


def test_between_the_ends_each_weight_is_mixed() -> None:
    start, end = network(0).state_dict(), network(1).state_dict()

    found = interpolate(start, end, 0.3)

    for name, value in found.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.7 * start[name] + 0.3 * end[name])


def test_counters_are_taken_from_the_end() -> None:
    start, end = {"seen": torch.tensor(3)}, {"seen": torch.tensor(9)}

    assert interpolate(start, end, 0.5)["seen"] == 9
    assert interpolate(start, end, 0.0)["seen"] == 3


@pytest.mark.parametrize("end", [{}, {"w": torch.zeros(3)}, {"v": torch.zeros(2)}])
def test_states_of_two_networks_are_refused(end: dict[str, Tensor]) -> None:
    with pytest.raises(UsageError, match="states of one network"):
        interpolate({"w": torch.zeros(2)}, end, 0.5)


def test_a_sweep_measures_every_alpha_in_order() -> None:
    start, end = {"w": torch.tensor([0.0])}, {"w": torch.tensor([10.0])}

    def measure(state: Mapping[str, Tensor]) -> dict[str, float]:
        return {"text->image": state["w"].item(), "image->text": -state["w"].item()}

    found = sweep_alpha(start, end, alphas=[0.0, 0.25, 1.0], measure=measure)

    assert [each.alpha for each in found] == [0.0, 0.25, 1.0]
    assert [each.scores["text->image"] for each in found] == [0.0, 2.5, 10.0]
    assert [each.scores["image->text"] for each in found] == [0.0, -2.5, -10.0]


CURVE = [
    Mixture(alpha=0.0, scores={"a": 0.1, "b": 0.1, "photographs": 0.90}),
    Mixture(alpha=0.5, scores={"a": 0.3, "b": 0.5, "photographs": 0.88}),
    Mixture(alpha=0.8, scores={"a": 0.5, "b": 0.3, "photographs": 0.89}),
    Mixture(alpha=1.0, scores={"a": 0.9, "b": 0.9, "photographs": 0.10}),
]


@pytest.mark.parametrize(
    ("tolerance", "alpha"), [(1.0, 1.0), (0.02, 0.5), (0.015, 0.8), (0.0, 0.0)], ids=["any", "tie", "less", "none"]
)
def test_the_best_alpha_improves_most_of_those_that_keep_the_rest(tolerance: float, alpha: float) -> None:
    found = best_alpha(
        CURVE, improve=["a", "b"], tolerances={"photographs": tolerance + 1e-9}, before={"photographs": 0.90}
    )

    assert found is not None
    assert found.alpha == alpha


def test_there_may_be_no_alpha_that_keeps_the_rest() -> None:
    assert best_alpha(CURVE[1:], improve=["a"], tolerances={"photographs": 0.0}, before={"photographs": 0.9}) is None
    with pytest.raises(UsageError, match="No direction"):
        best_alpha(CURVE, improve=[], tolerances={}, before={})
