"""Low-rank adapters change nothing at the start, learn alone, and merge into equal plain layers."""

import pytest
import torch
from torch import Tensor, nn

from commonspace.align.heads import Head, HeadSpec, build_head
from commonspace.align.lowrank import LowRank, LowRankLinear
from commonspace.core.errors import UsageError


def features(num: int, width: int) -> Tensor:
    return torch.randn(num, width, generator=torch.Generator().manual_seed(0))


def head() -> Head:
    return build_head(HeadSpec(kind="residual", start="random", hidden=8, blocks=2), 6, 4)


def trained(adapted: LowRank) -> LowRank:
    """A few large steps of the adapters alone, down the gradient."""
    learning = [each for each in adapted.parameters() if each.requires_grad]
    for _ in range(3):
        slopes = torch.autograd.grad(adapted(features(5, 6)).square().mean(), learning)
        with torch.no_grad():
            for weight, slope in zip(learning, slopes, strict=True):
                weight.sub_(0.5 * slope)
    return adapted


def test_adapters_start_as_exactly_nothing() -> None:
    network, x = head(), features(5, 6)

    assert torch.equal(LowRank(network, 2)(x), network(x))


def test_adapters_alone_learn_and_the_network_handed_in_stays() -> None:
    network, x = head(), features(5, 6)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    adapted = LowRank(network, 2)

    trained(adapted)

    assert {name.rpartition(".")[2] for name, each in adapted.named_parameters() if each.requires_grad} == {
        "up",
        "down",
    }
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(each.requires_grad for each in network.parameters())
    assert not torch.allclose(adapted(x), network(x))


def test_every_linear_layer_carries_an_adapter_of_its_rank() -> None:
    adapted = LowRank(head(), 3)

    layers = [each for each in adapted.modules() if isinstance(each, LowRankLinear)]

    assert len(layers) == len([each for each in head().modules() if isinstance(each, nn.Linear)]) == 4
    assert all(len(each.down) == 3 for each in layers)


def test_the_adapted_layer_computes_its_formula() -> None:
    layer = LowRank(nn.Linear(3, 2), 1, alpha=5.0)
    inner = layer.network
    with torch.no_grad():
        inner.up.copy_(torch.tensor([[1.0], [-2.0]]))
    x = features(4, 3)

    found = layer(x)

    for i, row in enumerate(x.tolist()):
        reduced = sum(a * b for a, b in zip(inner.down[0].tolist(), row, strict=True))
        for k, up in enumerate((1.0, -2.0)):
            expected = inner.linear(x)[i, k].item() + 5.0 * up * reduced
            assert found[i, k].item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("network", [head(), nn.Linear(6, 4)], ids=["a head", "one layer"])
def test_the_merged_network_is_plain_and_gives_the_same(network: nn.Module) -> None:
    x = features(5, 6)
    adapted = trained(LowRank(network, 2))

    merged = adapted.merge()

    assert type(merged) is type(network)
    assert merged.state_dict().keys() == network.state_dict().keys()
    assert all(each.requires_grad for each in merged.parameters())
    torch.testing.assert_close(merged(x), adapted(x), atol=1e-5, rtol=1e-5)


def test_merging_leaves_the_adapters_as_they_were() -> None:
    adapted, x = trained(LowRank(head(), 2)), features(5, 6)
    before = adapted(x)

    adapted.merge()

    assert torch.equal(adapted(x), before)


def test_the_same_generator_makes_the_same_adapters() -> None:
    network = head()

    one, other = (LowRank(network, 2, generator=torch.Generator().manual_seed(0)).state_dict() for _ in range(2))

    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_what_cannot_be_adapted_is_refused() -> None:
    with pytest.raises(UsageError, match="rank is 0"):
        LowRank(head(), 0)
    with pytest.raises(UsageError, match="no linear layer"):
        LowRank(nn.LayerNorm(4), 2)
