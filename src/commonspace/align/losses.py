"""What training minimises: pure functions of tensors, each from its paper, each giving one number.

Rows are unit vectors, one thing a row, float; row i of one side belongs to row i of the other. Lower is better, and the
gradient flows into every tensor that asks for it. ``keep`` is n x n, bool, False where a pair must not serve as a
negative; a row's own positive stays whatever ``keep`` says of it. All cost O(n m d), memory O(n m).
"""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from commonspace.core.errors import UsageError

__all__ = [
    "cosine_distillation",
    "false_negatives",
    "hard_negatives",
    "info_nce",
    "matryoshka",
    "relation_distillation",
    "sigmoid_loss",
    "structure",
    "two_way_info_nce",
]

SMALLEST_CHANCE = 1e-12
"""A probability below this counts as this inside a logarithm."""


def info_nce(queries: Tensor, keys: Tensor, *, temperature: float | Tensor, keep: Tensor | None = None) -> Tensor:
    """InfoNCE in one direction (van den Oord, Li, Vinyals 2018, arXiv 1807.03748, equation 4).

    The mean over queries i of ``-log(exp(s_ii / t) / sum_j exp(s_ij / t))`` with ``s = queries @ keys.T``: j runs over
    i and over every key that ``keep`` leaves. ``queries`` is n x d, ``keys`` m x d with m >= n: keys past the first n
    are nobody's positive, and ``keep`` is then n x m. ``temperature`` is above zero.

    Raises:
        UsageError: the shapes do not belong together.
    """
    if queries.ndim != 2 or keys.ndim != 2 or queries.shape[1] != keys.shape[1] or len(keys) < len(queries):
        raise _unpaired(queries, keys)
    scores = _without(queries @ keys.T / temperature, keep, -torch.inf)
    return functional.cross_entropy(scores, torch.arange(len(queries), device=scores.device))


def two_way_info_nce(a: Tensor, b: Tensor, *, temperature: float | Tensor, keep: Tensor | None = None) -> Tensor:
    """CLIP's loss (Radford et al. 2021, arXiv 2103.00020, figure 3): the mean of InfoNCE from a to b and from b to a.

    ``a`` and ``b`` are n x d. ``keep[i, j]`` speaks of a's row i with b's row j, in both directions.

    Raises:
        UsageError: the shapes differ.
    """
    _require_pairs(a, b)
    scores = _without(a @ b.T / temperature, keep, -torch.inf)
    own = torch.arange(len(a), device=scores.device)
    return (functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)) / 2


def sigmoid_loss(
    a: Tensor, b: Tensor, *, scale: float | Tensor, bias: float | Tensor, keep: Tensor | None = None
) -> Tensor:
    """SigLIP's loss (Zhai et al. 2023, arXiv 2303.15343, section 3.2): every pair a yes-or-no question.

    ``-1/n sum_i sum_j log sigmoid(z_ij (scale a_i.b_j + bias))`` with z = 1 on the diagonal and -1 elsewhere; a pair
    that ``keep`` leaves out adds nothing. ``a`` and ``b`` are n x d. ``scale`` is the factor itself, not its logarithm
    (the paper starts at 10, with a bias of -10).

    Raises:
        UsageError: the shapes differ.
    """
    _require_pairs(a, b)
    signs = 2 * torch.eye(len(a), dtype=a.dtype, device=a.device) - 1
    terms = -functional.logsigmoid(signs * (scale * (a @ b.T) + bias))
    return _without(terms, keep, 0.0).sum() / len(a)


def false_negatives(anchors: Tensor, *, threshold: float, concepts: Sequence[Hashable] | None = None) -> Tensor:
    """Which pairs may serve as negatives: n x n, bool, the ``keep`` of the losses.

    True where the cosine of the two rows' anchors (n x d, unit vectors, as a rule of their texts) is below
    ``threshold`` and their ``concepts`` differ. So the diagonal is False as long as ``threshold`` is at most one; the
    losses keep it anyway, as the positive. This is the filter of GISTEmbed (Solatorio 2024, arXiv 2402.16829) with a
    fixed bar.

    Raises:
        UsageError: there is not one concept a row.
    """
    keep = anchors.detach() @ anchors.detach().T < threshold
    if concepts is None:
        return keep
    if len(concepts) != len(anchors):
        raise UsageError(f"There are {len(anchors)} anchors and {len(concepts)} concepts.", fix="Give one a row.")
    numbers = {concept: number for number, concept in enumerate(dict.fromkeys(concepts))}
    told = torch.tensor([numbers[concept] for concept in concepts], device=anchors.device)
    return keep & (told[:, None] != told[None, :])


def matryoshka(
    loss: Callable[[Tensor, Tensor], Tensor],
    a: Tensor,
    b: Tensor,
    *,
    sizes: Sequence[int],
    weights: Sequence[float] | None = None,
) -> Tensor:
    """Matryoshka learning (Kusupati et al. 2022, arXiv 2205.13147, equation 1): a loss over prefixes of the rows.

    ``sum_m c_m loss(unit(a[:, :m]), unit(b[:, :m]))`` over the ``sizes`` m; every weight c is one unless given, as in
    the paper, so that the sum grows with the number of sizes.

    Raises:
        UsageError: a size is not between one and d, there is none, or there is not one weight a size.
    """
    factors = [1.0] * len(sizes) if weights is None else list(weights)
    width = min(a.shape[1], b.shape[1])
    if not sizes or min(sizes) < 1 or max(sizes) > width or len(factors) != len(sizes):
        raise UsageError(
            f"Prefixes of {list(sizes)} with weights {factors} do not fit vectors of {width}.",
            fix=f"Give sizes of 1 to {width}, and one weight a size or none.",
        )
    parts = [
        factor * loss(functional.normalize(a[:, :size], dim=1), functional.normalize(b[:, :size], dim=1))
        for size, factor in zip(sizes, factors, strict=True)
    ]
    return torch.stack(parts).sum()


def cosine_distillation(student: Tensor, teacher: Tensor, *, weights: Tensor | None = None) -> Tensor:
    """How far the student's rows have turned from the teacher's: the mean of one minus their cosine.

    Both are n x d, unit vectors. With ``weights`` (n, not negative, not all zero) it is the weighted mean.

    Raises:
        UsageError: the shapes differ.
    """
    _require_pairs(student, teacher)
    turned = 1 - (student * teacher).sum(dim=1)
    return turned.mean() if weights is None else (weights * turned).sum() / weights.sum()


def relation_distillation(
    student: Tensor,
    teacher: Tensor,
    anchors: Tensor,
    *,
    temperature: float | Tensor,
    teacher_anchors: Tensor | None = None,
) -> Tensor:
    """Keep how the teacher ranks a set of anchors (SEED: Fang et al. 2021, arXiv 2101.04731, equations 3 to 5).

    The mean over rows of ``KL(p || q)``, p the softmax of the teacher's similarities to the anchors over
    ``temperature``, q the student's. SEED minimises the cross-entropy, which differs by the entropy of p, no matter of
    the student's. ``student`` and ``teacher`` are n x d, ``anchors`` k x d; a teacher of another dimension brings
    ``teacher_anchors``, the same k things in its own space.

    Raises:
        UsageError: there is not one teacher row a student row, or not one teacher anchor an anchor.
    """
    seen = anchors if teacher_anchors is None else teacher_anchors
    if len(student) != len(teacher) or len(seen) != len(anchors):
        raise UsageError(
            f"{len(student)} student rows meet {len(teacher)} of the teacher, {len(anchors)} anchors {len(seen)}.",
            fix="Give both sides the same things in the same order.",
        )
    wanted = functional.log_softmax(teacher @ seen.T / temperature, dim=1)
    found = functional.log_softmax(student @ anchors.T / temperature, dim=1)
    return functional.kl_div(found, wanted, reduction="batchmean", log_target=True)


def structure(before: Tensor, after: Tensor, *, levels: int, temperature: float | Tensor) -> Tensor:
    """STRUCTURE (Groeger, Wen, Le, Brbic 2025, arXiv 2506.16895): the neighbourhoods of frozen features, kept.

    Both sides (n x any d; ``before`` the frozen features, ``after`` the head's output) are scaled to unit rows, then
    the mean row is taken off. ``P = softmax(before before^T / temperature)`` and Q likewise of ``after``, row by row,
    are the chances of a step from thing to thing; their l-th powers, of l steps. The loss is ::

        1/levels  sum_{l=1..levels}  1/l  mean_i  JS(row i of P^l, row i of Q^l)
        JS(p, q) = 1/2 KL(p || m) + 1/2 KL(q || m),  m = (p + q) / 2

    with centring, powers and the weights 1/l as in the authors' code. That code measures KL(m || p) and KL(m || q),
    the arguments in the other order; this is the Jensen-Shannon divergence itself. Zero when the geometry is kept, at
    most ln 2. A level costs O(n^3).

    Raises:
        UsageError: the rows differ in number, or there is no level.
    """
    if len(before) != len(after) or levels < 1:
        raise UsageError(
            f"There are {len(before)} rows before, {len(after)} after, and {levels} levels.",
            fix="Give the same things on both sides, and one level or more.",
        )
    steps = _chances(before, temperature), _chances(after, temperature)
    walks = list(steps)
    total = _jensen_shannon(*walks)
    for level in range(2, levels + 1):
        walks = [walk @ step for walk, step in zip(walks, steps, strict=True)]
        total = total + _jensen_shannon(*walks) / level
    return total / levels


def hard_negatives(scores: Tensor, *, num: int, margin: float, keep: Tensor | None = None) -> Tensor:
    """The hardest negatives that are not likely to be positives: n x ``num``, int64, columns of ``scores``, best first.

    NV-Retriever's positive-aware mining (Moreira et al. 2024, arXiv 2407.15831, TopK-PercPos): only candidates below
    ``margin`` times the positive's score count (0.95 in the paper). ``scores`` is n x m with row i's positive in
    column i. Where a positive's score p is negative the bar is ``p - (1 - margin) |p|``, below it like the others.
    Candidates that ``keep`` (n x m) leaves out never count. A row with fewer candidates than ``num`` ends in -1: mask
    these before indexing. Ties go to no one in particular.

    Raises:
        UsageError: ``num`` is below one, or there are fewer columns than rows.
    """
    if num < 1 or scores.ndim != 2 or scores.shape[1] < len(scores):
        raise UsageError(
            f"{num} negatives cannot be taken from scores of shape {tuple(scores.shape)}.",
            fix="Ask for one or more, with row i's positive in column i.",
        )
    positives = scores.diagonal()[:, None]
    bar = positives - (1 - margin) * positives.abs()
    allowed = (scores < bar) & ~_own(scores)
    if keep is not None:
        allowed &= keep
    best, places = scores.masked_fill(~allowed, -torch.inf).topk(min(num, scores.shape[1]), dim=1)
    chosen = places.masked_fill(best == -torch.inf, -1)
    return functional.pad(chosen, (0, num - chosen.shape[1]), value=-1)


def _chances(rows: Tensor, temperature: float | Tensor) -> Tensor:
    scaled = functional.normalize(rows, dim=1)
    centred = scaled - scaled.mean(dim=0, keepdim=True)
    return torch.softmax(centred @ centred.T / temperature, dim=1)


def _jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """The mean over rows; what is too small for a logarithm is held at ``SMALLEST_CHANCE`` there."""
    told_p, told_q, told_m = (each.clamp_min(SMALLEST_CHANCE).log() for each in (p, q, (p + q) / 2))
    return (p * (told_p - told_m) + q * (told_q - told_m)).sum(dim=1).mean() / 2


def _without(terms: Tensor, keep: Tensor | None, value: float) -> Tensor:
    """``value`` in place of the pairs left out; the diagonal stays."""
    return terms if keep is None else terms.masked_fill(~(keep | _own(terms)), value)


def _own(terms: Tensor) -> Tensor:
    return torch.eye(*terms.shape, dtype=torch.bool, device=terms.device)


def _require_pairs(a: Tensor, b: Tensor) -> None:
    if a.ndim != 2 or a.shape != b.shape:
        raise _unpaired(a, b)


def _unpaired(a: Tensor, b: Tensor) -> UsageError:
    return UsageError(
        f"Rows of shape {tuple(a.shape)} and {tuple(b.shape)} are no pairs.",
        fix="Give both sides of each pair, in the same order and of the same dimension.",
    )
