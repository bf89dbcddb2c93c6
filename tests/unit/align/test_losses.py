"""Every loss against a slow loop typed from its paper, against cases known in closed form, and its gradient."""

from collections.abc import Callable
from math import exp, log

import pytest
import torch
from torch import Tensor

from commonspace.align import losses
from commonspace.core.errors import UsageError
from tests.unit.align.slow_losses import (
    dot,
    mask,
    rows,
    slow_hard,
    slow_info_nce,
    slow_relation,
    slow_sigmoid,
    slow_structure,
    slow_unit,
)


@pytest.mark.parametrize("keep", [None, mask(5, 5, 2)], ids=["all", "some"])
def test_info_nce_agrees_with_the_loop(keep: Tensor | None) -> None:
    queries, keys = rows(5, 4, 0), rows(5, 4, 1)

    found = losses.info_nce(queries, keys, temperature=0.2, keep=keep)

    assert found.item() == pytest.approx(slow_info_nce(queries, keys, 0.2, keep), abs=1e-12)


def test_info_nce_takes_keys_that_are_nobodys_positive() -> None:
    queries, keys = rows(3, 4, 0), rows(7, 4, 1)
    keep = mask(3, 7, 2)

    found = losses.info_nce(queries, keys, temperature=0.2, keep=keep)

    assert found.item() == pytest.approx(slow_info_nce(queries, keys, 0.2, keep), abs=1e-12)


def test_info_nce_of_identical_orthonormal_rows_is_known() -> None:
    """Each positive scores 1 / t and each of the n - 1 negatives zero."""
    eye = torch.eye(6, dtype=torch.float64)

    found = losses.info_nce(eye, eye, temperature=0.5)

    assert found.item() == pytest.approx(log(1 + 5 * exp(-2)), abs=1e-12)
    assert losses.two_way_info_nce(eye, eye, temperature=0.5).item() == pytest.approx(found.item(), abs=1e-12)


def test_info_nce_of_identical_rows_is_the_logarithm_of_their_number() -> None:
    same = torch.ones(7, 1, dtype=torch.float64)

    assert losses.info_nce(same, same, temperature=0.01).item() == pytest.approx(log(7))


def test_info_nce_without_any_negative_is_zero() -> None:
    nothing = torch.zeros(4, 4, dtype=torch.bool)

    assert losses.info_nce(rows(4, 3, 0), rows(4, 3, 1), temperature=0.1, keep=nothing).item() == 0.0


def test_masked_negatives_equal_the_loss_with_these_columns_removed() -> None:
    queries, keys = rows(3, 4, 0), rows(8, 4, 1)
    keep = torch.ones(3, 8, dtype=torch.bool)
    keep[:, [4, 6]] = False

    found = losses.info_nce(queries, keys, temperature=0.1, keep=keep)

    fewer = losses.info_nce(queries, keys[[0, 1, 2, 3, 5, 7]], temperature=0.1)
    assert found.item() == pytest.approx(fewer.item(), abs=1e-12)


def test_two_way_info_nce_is_the_mean_of_both_directions() -> None:
    a, b, keep = rows(5, 4, 0), rows(5, 4, 1), mask(5, 5, 2)

    found = losses.two_way_info_nce(a, b, temperature=0.2, keep=keep)

    both = slow_info_nce(a, b, 0.2, keep) + slow_info_nce(b, a, 0.2, keep.T)
    assert found.item() == pytest.approx(both / 2, abs=1e-12)


@pytest.mark.parametrize("keep", [None, mask(5, 5, 2)], ids=["all", "some"])
def test_the_sigmoid_loss_agrees_with_the_loop(keep: Tensor | None) -> None:
    a, b = rows(5, 4, 0), rows(5, 4, 1)

    found = losses.sigmoid_loss(a, b, scale=10.0, bias=-3.0, keep=keep)

    assert found.item() == pytest.approx(slow_sigmoid(a, b, 10.0, -3.0, keep), abs=1e-12)


def test_the_sigmoid_loss_at_scale_zero_knows_nothing() -> None:
    """Every one of n x n questions costs ln 2."""
    found = losses.sigmoid_loss(rows(6, 4, 0), rows(6, 4, 1), scale=0.0, bias=0.0)

    assert found.item() == pytest.approx(6 * log(2), abs=1e-12)


def test_the_sigmoid_loss_splits_at_its_bias_when_the_scale_is_zero() -> None:
    """At a bias of b the n positives cost softplus(-b) each and the n (n - 1) negatives softplus(b)."""
    found = losses.sigmoid_loss(rows(6, 4, 0), rows(6, 4, 1), scale=0.0, bias=-2.0)

    assert found.item() == pytest.approx(log(1 + exp(2.0)) + 5 * log(1 + exp(-2.0)), abs=1e-12)


def test_false_negatives_are_those_of_near_texts_or_the_same_concept() -> None:
    anchors, concepts = rows(9, 3, 0), list("aabcdefgh")

    keep = losses.false_negatives(anchors, threshold=0.6, concepts=concepts)

    for i, one in enumerate(anchors.tolist()):
        for j, other in enumerate(anchors.tolist()):
            assert bool(keep[i, j]) == (dot(one, other) < 0.6 and concepts[i] != concepts[j])
    assert not keep.diagonal().any()
    assert 0 < int(keep.sum()) < 72


def test_without_concepts_only_the_texts_decide() -> None:
    anchors = rows(6, 3, 0)

    assert torch.equal(losses.false_negatives(anchors, threshold=0.3), anchors @ anchors.T < 0.3)


def test_there_is_one_concept_a_row() -> None:
    with pytest.raises(UsageError, match="6 anchors and 2 concepts"):
        losses.false_negatives(rows(6, 3, 0), threshold=0.3, concepts=["a", "b"])


def plain(a: Tensor, b: Tensor) -> Tensor:
    return losses.two_way_info_nce(a, b, temperature=0.1)


def test_matryoshka_with_the_full_size_alone_is_the_plain_loss() -> None:
    a, b = rows(5, 6, 0), rows(5, 6, 1)

    found = losses.matryoshka(plain, a, b, sizes=[6])

    assert found.item() == pytest.approx(plain(a, b).item(), abs=1e-12)


def test_matryoshka_sums_the_loss_over_renormalised_prefixes() -> None:
    a, b = rows(5, 6, 0), rows(5, 6, 1)

    found = losses.matryoshka(plain, a, b, sizes=[2, 4, 6], weights=[0.5, 2.0, 1.0])

    expected = 0.0
    for size, weight in ((2, 0.5), (4, 2.0), (6, 1.0)):
        short = [torch.tensor([slow_unit(row[:size]) for row in side.tolist()]).double() for side in (a, b)]
        expected += weight * (slow_info_nce(*short, 0.1) + slow_info_nce(*reversed(short), 0.1)) / 2
    assert found.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("sizes", "weights"), [([], None), ([0], None), ([7], None), ([2, 4], [1.0])])
def test_prefixes_must_fit(sizes: list[int], weights: list[float] | None) -> None:
    with pytest.raises(UsageError, match="do not fit vectors of 6"):
        losses.matryoshka(plain, rows(3, 6, 0), rows(3, 6, 1), sizes=sizes, weights=weights)


def test_cosine_distillation_agrees_with_the_loop() -> None:
    student, teacher, weights = rows(5, 4, 0), rows(5, 4, 1), torch.tensor([0.0, 1.0, 2.0, 0.5, 3.0]).double()
    turned = [1 - dot(one, other) for one, other in zip(student.tolist(), teacher.tolist(), strict=True)]

    assert losses.cosine_distillation(student, teacher).item() == pytest.approx(sum(turned) / 5)
    weighted = sum(weight * each for weight, each in zip(weights.tolist(), turned, strict=True)) / 6.5
    assert losses.cosine_distillation(student, teacher, weights=weights).item() == pytest.approx(weighted)
    assert losses.cosine_distillation(student, student).item() == pytest.approx(0.0, abs=1e-12)


def test_relation_distillation_agrees_with_the_loop() -> None:
    student, teacher, anchors, seen = rows(5, 4, 0), rows(5, 3, 1), rows(6, 4, 2), rows(6, 3, 3)

    found = losses.relation_distillation(student, teacher, anchors, temperature=0.3, teacher_anchors=seen)

    assert found.item() == pytest.approx(slow_relation(student, teacher, anchors, seen, 0.3), abs=1e-12)


def test_relation_distillation_of_the_teacher_itself_is_zero() -> None:
    teacher, anchors = rows(5, 4, 0), rows(6, 4, 1)

    found = losses.relation_distillation(teacher, teacher, anchors, temperature=0.05)

    assert found.item() == pytest.approx(0.0, abs=1e-12)
    assert losses.relation_distillation(rows(5, 4, 2), teacher, anchors, temperature=0.05).item() > 0.1


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_structure_agrees_with_the_loop(levels: int) -> None:
    before, after = rows(5, 7, 0) * 3, rows(5, 4, 1)

    found = losses.structure(before, after, levels=levels, temperature=0.2)

    assert found.item() == pytest.approx(slow_structure(before, after, levels, 0.2), abs=1e-12)


def test_structure_is_kept_by_a_rotation_and_a_scale() -> None:
    before = rows(6, 4, 0)
    turn = torch.linalg.qr(rows(4, 4, 1)).Q

    assert losses.structure(before, 2 * before @ turn, levels=3, temperature=0.1).item() == pytest.approx(0, abs=1e-12)
    assert losses.structure(before, rows(6, 4, 2), levels=3, temperature=0.1).item() > 0.01


def test_structure_at_a_tiny_temperature_stays_finite_and_below_its_bound() -> None:
    before, after = rows(8, 4, 0).float(), rows(8, 4, 1).float().requires_grad_()

    found = losses.structure(before, after, levels=2, temperature=0.001)
    found.backward()

    assert 0 <= found.item() <= log(2)
    assert after.grad is not None
    assert torch.isfinite(after.grad).all()


@pytest.mark.parametrize("num", [1, 3, 12])
def test_hard_negatives_agree_with_sorting(num: int) -> None:
    scores = torch.rand(6, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    keep = mask(6, 9, 1)

    found = losses.hard_negatives(scores, num=num, margin=0.9, keep=keep)

    assert found.shape == (6, num)
    for i, row in enumerate(scores.tolist()):
        assert found[i].tolist() == slow_hard(row, i, num, 0.9, keep[i].tolist())


def test_no_hard_negative_passes_the_bar_where_the_positive_is_negative() -> None:
    scores = torch.tensor([[-0.5, -0.49, -0.51, -0.6]])

    assert losses.hard_negatives(scores, num=3, margin=0.9).tolist() == [[3, -1, -1]]


GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "info_nce": lambda a, b: losses.info_nce(a, b, temperature=0.3),
    "two_way_info_nce": lambda a, b: losses.two_way_info_nce(a, b, temperature=0.3, keep=mask(4, 4, 0)),
    "sigmoid_loss": lambda a, b: losses.sigmoid_loss(a, b, scale=5.0, bias=-2.0),
    "matryoshka": lambda a, b: losses.matryoshka(plain, a, b, sizes=[2, 3]),
    "cosine_distillation": losses.cosine_distillation,
    "relation_distillation": lambda a, b: losses.relation_distillation(a, b, rows(5, 3, 4), temperature=0.5),
    "structure": lambda a, b: losses.structure(a, b, levels=2, temperature=0.5),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_the_gradient_is_that_of_small_differences(name: str) -> None:
    a, b = rows(4, 3, 0).requires_grad_(), rows(4, 3, 1).requires_grad_()

    assert torch.autograd.gradcheck(GRADIENTS[name], (a, b))


def test_temperature_scale_and_bias_can_be_learned() -> None:
    temperature, scale, bias = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.5, 3, -1))
    a, b, keep = rows(4, 3, 0), rows(4, 3, 1), mask(4, 4, 2)

    def both(temperature: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        first = losses.two_way_info_nce(a, b, temperature=temperature, keep=keep)
        return first + losses.sigmoid_loss(a, b, scale=scale, bias=bias, keep=keep)

    assert torch.autograd.gradcheck(both, (temperature, scale, bias))


def test_sides_that_do_not_pair_up_are_refused() -> None:
    a, b = rows(4, 3, 0), rows(3, 3, 1)

    with pytest.raises(UsageError, match=r"\(4, 3\) and \(3, 3\) are no pairs"):
        losses.info_nce(a, b, temperature=1.0)
    with pytest.raises(UsageError, match="no pairs"):
        losses.two_way_info_nce(a, b, temperature=1.0)
    with pytest.raises(UsageError, match="no pairs"):
        losses.sigmoid_loss(a, b, scale=1.0, bias=0.0)
    with pytest.raises(UsageError, match="no pairs"):
        losses.cosine_distillation(a, b)
    with pytest.raises(UsageError, match="same things"):
        losses.relation_distillation(a, b, a, temperature=1.0)
    with pytest.raises(UsageError, match="one level or more"):
        losses.structure(a, a, levels=0, temperature=1.0)
    with pytest.raises(UsageError, match="Ask for one or more"):
        losses.hard_negatives(a @ a.T, num=0, margin=0.9)
