"""Heads start where their spec says, compute what their module says, and come back from their folder the same."""

from dataclasses import replace
from math import tanh
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from commonspace.align.heads import HeadSpec, build_head, load_head, save_head
from commonspace.align.lowrank import LowRank
from commonspace.align.posthoc import Affine
from commonspace.core.errors import ModelError, UsageError


def features(num: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(num, width, generator=torch.Generator().manual_seed(seed))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def affine(inputs: int, outputs: int) -> Affine:
    generator = np.random.default_rng(0)
    return Affine(weight=generator.standard_normal((inputs, outputs)), offset=generator.standard_normal(outputs))


def moved(head: nn.Module, seed: int = 1) -> nn.Module:
    """The head after some training, as far as these tests care: every weight somewhere else."""
    generator = seeded(seed)
    with torch.no_grad():
        for weight in head.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return head


@pytest.mark.parametrize(
    "spec",
    [
        HeadSpec(kind="identity"),
        HeadSpec(kind="linear", start="identity"),
        HeadSpec(kind="residual", start="identity", hidden=8, blocks=2),
        HeadSpec(kind="residual", start="zero-last", skip="identity", hidden=8),
    ],
    ids=["identity", "linear", "residual", "residual over its input"],
)
def test_an_identity_start_gives_exactly_the_input_back(spec: HeadSpec) -> None:
    x = features(5, 6)

    assert torch.equal(build_head(spec, 6, 6)(x), x)


def test_an_identity_start_of_fewer_outputs_keeps_the_first_features() -> None:
    x = features(5, 6)

    assert torch.equal(build_head(HeadSpec(kind="linear", start="identity"), 6, 4)(x), x[:, :4])


def test_a_zero_last_residual_gives_exactly_its_skip() -> None:
    x = features(5, 6)
    head = build_head(HeadSpec(kind="residual", start="zero-last", hidden=8), 6, 4)

    assert torch.equal(head(x), head.skip(x))
    assert head(x).abs().max() > 0.01


def test_a_residual_over_a_fixed_map_gives_that_map_and_never_trains_it() -> None:
    x, given = features(5, 6), affine(6, 4)
    head = build_head(HeadSpec(kind="residual", skip="fixed", hidden=8), 6, 4, given=given)

    np.testing.assert_allclose(head(x).detach(), given(x.numpy()), atol=1e-5)
    assert {name.split(".")[0] for name, _ in head.named_parameters()} == {"branch"}


@pytest.mark.parametrize("kind", ["linear", "residual"])
def test_a_given_start_gives_the_map_and_learns_from_there(kind: str) -> None:
    x, given = features(5, 6), affine(6, 4)
    head = build_head(HeadSpec(kind=kind, start="given", hidden=8), 6, 4, given=given)

    np.testing.assert_allclose(head(x).detach(), given(x.numpy()), atol=1e-5)
    assert head.skip.weight.requires_grad


def test_a_gated_head_starts_at_its_base_with_its_gate_a_little_open() -> None:
    x = features(5, 10)
    head = build_head(HeadSpec(kind="gated", base=4, hidden=8, gate=0.1), 10, 4)

    assert torch.equal(head(x), x[:, 6:])
    torch.testing.assert_close(head.opening(x[:, :6]), torch.full((5, 1), 0.1))


def test_a_gated_head_adds_the_gates_share_of_its_branch() -> None:
    x = features(5, 10)
    head = moved(build_head(HeadSpec(kind="gated", base=4, hidden=8, blocks=2), 10, 4))

    opening = head.opening(x[:, :6])

    assert opening.min() > 0
    assert opening.max() < 1
    assert opening.std() > 0.01
    torch.testing.assert_close(head(x), x[:, 6:] + opening * head.branch(x[:, :6]))


def test_the_opening_of_a_head_without_a_gate_is_one() -> None:
    head = build_head(HeadSpec(kind="linear"), 6, 4)

    assert torch.equal(head.opening(features(5, 6)), torch.ones(5, 1))


def slow_branch(head: nn.Module, row: list[float]) -> list[float]:
    """The docstring's formula, one number at a time, for one hidden layer more than the first."""
    weights = {name: value.tolist() for name, value in head.state_dict().items()}

    def linear(place: str, x: list[float]) -> list[float]:
        return [
            sum(w * value for w, value in zip(line, x, strict=True)) + bias
            for line, bias in zip(weights[f"{place}.weight"], weights[f"{place}.bias"], strict=True)
        ]

    def norm(place: str, x: list[float]) -> list[float]:
        mean = sum(x) / len(x)
        spread = (sum((value - mean) ** 2 for value in x) / len(x) + 1e-5) ** 0.5
        scaled = zip(x, weights[f"{place}.weight"], weights[f"{place}.bias"], strict=True)
        return [(value - mean) / spread * gain + bias for value, gain, bias in scaled]

    def gelu(x: list[float]) -> list[float]:
        return [0.5 * v * (1 + tanh((2 / np.pi) ** 0.5 * (v + 0.044715 * v**3))) for v in x]

    h = gelu(linear("branch.first", norm("branch.norm", row)))
    added = gelu(linear("branch.blocks.0.linear", norm("branch.blocks.0.norm", h)))
    return linear("branch.last", [one + other for one, other in zip(h, added, strict=True)])


def test_a_residual_head_computes_its_formula() -> None:
    x = features(3, 5)
    head = moved(build_head(HeadSpec(kind="residual", skip="identity", hidden=7, blocks=2), 5, 5))

    expected = [[a + b for a, b in zip(row, slow_branch(head, row), strict=True)] for row in x.tolist()]

    torch.testing.assert_close(head(x), torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_a_branch_without_hidden_layers_is_linear_in_the_normalised_input() -> None:
    x = features(5, 6)
    head = moved(build_head(HeadSpec(kind="residual", skip="identity", blocks=0), 6, 6))

    torch.testing.assert_close(head(x), x + head.branch.last(head.branch.norm(x)))


def test_dropout_works_in_training_alone() -> None:
    x = features(5, 6)
    head = moved(build_head(HeadSpec(kind="residual", hidden=64, dropout=0.5, blocks=2), 6, 4))

    assert not torch.equal(head(x), head(x))
    head.eval()
    assert torch.equal(head(x), head(x))


def test_the_same_generator_makes_the_same_head() -> None:
    spec, x = HeadSpec(kind="residual", start="random", hidden=8), features(5, 6)

    one, same, other = (build_head(spec, 6, 4, generator=seeded(seed))(x) for seed in (0, 0, 1))

    assert torch.equal(one, same)
    assert not torch.equal(one, other)


SAVED = {
    "identity": (HeadSpec(kind="identity"), 6, 6),
    "linear": (HeadSpec(kind="linear"), 6, 4),
    "residual": (HeadSpec(kind="residual", hidden=8, blocks=3, dropout=0.1), 6, 4),
    "fixed": (HeadSpec(kind="residual", skip="fixed", hidden=8), 6, 4),
    "given": (HeadSpec(kind="residual", start="given", hidden=8), 6, 4),
    "gated": (HeadSpec(kind="gated", base=4, hidden=8), 10, 4),
}


@pytest.mark.parametrize("name", SAVED)
def test_a_head_comes_back_from_its_folder_the_same(name: str, tmp_path: Path) -> None:
    spec, inputs, outputs = SAVED[name]
    given = affine(inputs, outputs) if name in {"fixed", "given"} else None
    head = moved(build_head(spec, inputs, outputs, given=given)).eval()
    x = features(5, inputs)

    save_head(tmp_path / "head", head, spec)
    again, said = load_head(tmp_path / "head")

    assert said == spec
    assert torch.equal(again.eval()(x), head(x))


def test_adapters_are_merged_before_saving(tmp_path: Path) -> None:
    spec = HeadSpec(kind="residual", hidden=8)
    adapted = LowRank(build_head(spec, 6, 4), 2)

    with pytest.raises(UsageError, match="Merge its adapters"):
        save_head(tmp_path, adapted, spec)
    with pytest.raises(UsageError, match="Merge its adapters"):
        save_head(tmp_path, adapted.network, spec)
    save_head(tmp_path, adapted.merge(), spec)
    assert load_head(tmp_path)[1] == spec


def test_a_head_is_saved_under_its_own_spec(tmp_path: Path) -> None:
    head = build_head(HeadSpec(kind="linear"), 6, 4)

    with pytest.raises(UsageError, match="is not the one that its spec describes"):
        save_head(tmp_path, head, HeadSpec(kind="residual"))


def test_a_changed_head_is_refused(tmp_path: Path) -> None:
    spec = HeadSpec(kind="linear")
    save_head(tmp_path, build_head(spec, 6, 4), spec)
    path = tmp_path / "head.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(ModelError, match="is not what its description says"):
        load_head(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 1, "spec": {"kind": "odd"}}'])
def test_a_broken_description_is_refused(tmp_path: Path, text: str) -> None:
    save_head(tmp_path, build_head(HeadSpec(kind="linear"), 6, 4), HeadSpec(kind="linear"))
    (tmp_path / "head.json").write_text(text)

    with pytest.raises(ModelError, match="no head to read"):
        load_head(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no head to read"):
        load_head(tmp_path / "nowhere")


LINEAR = HeadSpec(kind="linear")
GATED = HeadSpec(kind="gated", base=4)


@pytest.mark.parametrize(
    ("spec", "inputs", "given", "says"),
    [
        (HeadSpec(kind="identity"), 6, None, "cannot give 4 outputs"),
        (HeadSpec(kind="residual", skip="identity"), 6, None, "cannot give 4 outputs"),
        (replace(LINEAR, hidden=0), 6, None, "above zero"),
        (replace(LINEAR, dropout=1.0), 6, None, "above zero"),
        (replace(LINEAR, base=2), 6, None, "only a gated head"),
        (replace(LINEAR, start="given"), 6, None, "lacks the map"),
        (LINEAR, 6, affine(6, 4), "no use for a given map"),
        (replace(LINEAR, start="given"), 6, affine(5, 4), r"the given map is \(5, 4\)"),
        (replace(GATED, base=3), 6, None, "its base"),
        (GATED, 4, None, "its base"),
        (replace(GATED, gate=1.0), 6, None, "its gate"),
        (replace(LINEAR, kind="odd"), 6, None, "no such kind"),
        (replace(LINEAR, start="odd"), 6, None, "no such kind, start"),
    ],
)
def test_a_head_that_cannot_be_is_refused(spec: HeadSpec, inputs: int, given: Affine | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        build_head(spec, inputs, 4, given=given)
