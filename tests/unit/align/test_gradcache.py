"""Chunk by chunk or all at once, the gradient is the same."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from commonspace.align import gradcache
from commonspace.align.losses import two_way_info_nce

Vectors = Mapping[str, Tensor]


def towers(dropout: float = 0.0) -> nn.ModuleDict:
    torch.manual_seed(3)
    image = nn.Sequential(nn.Linear(7, 16), nn.GELU(), nn.Dropout(dropout), nn.LayerNorm(16), nn.Linear(16, 5))
    return nn.ModuleDict({"text": nn.Linear(4, 5), "image": image}).double()


def gradients(branches: nn.ModuleDict, chunk: int) -> tuple[Tensor, dict[str, Tensor]]:
    temperature = nn.Parameter(torch.tensor(0.1, dtype=torch.float64))
    inputs = {
        "text": (torch.linspace(-1, 1, 44).reshape(11, 4).double(),),
        "image": (torch.sin(torch.arange(77.0)).reshape(11, 7).double(),),
    }
    encoders = {name: lambda held, name=name: functional.normalize(branches[name](*held), dim=1) for name in inputs}

    def loss_of(vectors: Vectors) -> Tensor:
        return two_way_info_nce(vectors["text"], vectors["image"], temperature=temperature)

    branches.zero_grad()
    torch.manual_seed(5)
    loss = gradcache.backward(encoders, inputs, loss_of, chunk=chunk)
    found = {name: each.grad.clone() for name, each in branches.named_parameters() if each.grad is not None}
    return loss, {**found, "temperature": temperature.grad if temperature.grad is not None else torch.zeros(())}


@pytest.mark.parametrize("chunk", [1, 3, 4, 10, 11, 100])
def test_the_gradient_of_chunks_is_that_of_the_whole_batch(chunk: int) -> None:
    whole_loss, whole = gradients(towers(), 0)

    loss, found = gradients(towers(), chunk)

    assert float(loss) == pytest.approx(float(whole_loss), abs=1e-9)
    assert found.keys() == whole.keys()
    assert all(torch.allclose(found[name], whole[name], atol=1e-6, rtol=0) for name in whole)
    assert all(float(value.abs().max()) > 0 for value in whole.values())


def test_random_layers_draw_the_same_numbers_in_both_passes() -> None:
    """With dropout the chunked gradient is that of the chunks' own vectors, kept in one graph."""
    branches = towers(dropout=0.5)
    _, found = gradients(branches, 4)

    pieces = torch.sin(torch.arange(77.0)).reshape(11, 7).double().split(4)
    texts = torch.linspace(-1, 1, 44).reshape(11, 4).double().split(4)
    branches.zero_grad()
    torch.manual_seed(5)
    text = torch.cat([functional.normalize(branches["text"](piece), dim=1) for piece in texts])
    image = torch.cat([functional.normalize(branches["image"](piece), dim=1) for piece in pieces])
    two_way_info_nce(text, image, temperature=0.1).backward()

    expected = {name: each.grad for name, each in branches.named_parameters()}
    assert all(torch.allclose(found[name], expected[name], atol=1e-9, rtol=0) for name in expected)


def test_a_frozen_side_costs_no_gradient_and_stays_without_one() -> None:
    branches = towers()
    branches["text"].requires_grad_(requires_grad=False)

    _, found = gradients(branches, 3)

    assert not any(name.startswith("text") for name in found)
    assert any(name.startswith("image") for name in found)


def test_what_comes_after_draws_as_if_nothing_had_been_drawn_again() -> None:
    branches = towers(dropout=0.5)
    gradients(branches, 4)
    after = torch.rand(1)
    torch.manual_seed(5)
    for piece in torch.zeros(11, 7).double().split(4):
        branches["image"](piece)

    assert float(torch.rand(1)) == float(after)
