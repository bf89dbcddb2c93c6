"""Splits that nothing leaks through: whole concepts, or whole rows, go to one side together with what equals them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, final

import numpy as np

from commonspace.align.pairs import SPLITS, Pairs
from commonspace.core.errors import UsageError

__all__ = ["Leak", "SplitPlan", "assign", "leaks", "refuse_leaks", "unsplit"]

LEAKS_SHOWN = 3


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """What share of the groups goes where; the rest is for training. A group is a concept, or a row."""

    valid: float = 0.1
    test: float = 0.2
    by: Literal["concept", "row"] = "concept"
    seed: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Two rows on different sides that hold exactly the same content in one modality."""

    modality: str
    first: str
    second: str
    splits: tuple[str, str]


def assign(pairs: Pairs, plan: SplitPlan) -> Pairs:
    """Give every row a split, seeded: rows of one group, and rows with an equal view, always land together.

    Raises:
        UsageError: the shares leave nothing to train on, or a side gets no group.
    """
    if not (0 < plan.test < 1 and 0 < plan.valid < 1 and plan.valid + plan.test < 1):
        raise UsageError(
            f"A split of {plan.valid} for validation and {plan.test} for test leaves nothing to train on.",
            fix="Both must be above zero and together below one.",
        )
    groups = _groups(pairs, plan.by)
    names = np.unique(groups)
    order = np.random.default_rng((plan.seed, 0x5917)).permutation(names)
    num_valid, num_test = (max(1, round(share * len(names))) for share in (plan.valid, plan.test))
    if num_valid + num_test >= len(names):
        raise UsageError(
            f"{len(names)} groups (by {plan.by}) are too few to train, validate and test on.",
            fix='Collect more concepts, or split by row: [data.split] by = "row".',
        )
    side = dict.fromkeys(order.tolist(), "train")
    side.update(dict.fromkeys(order[:num_test].tolist(), "test"))
    side.update(dict.fromkeys(order[num_test : num_test + num_valid].tolist(), "valid"))
    return pairs.with_splits([side[int(group)] for group in groups])


def leaks(pairs: Pairs, *, allowed: Sequence[str] = ()) -> Iterator[Leak]:
    """Every view that stands in two splits, to the byte; modalities in ``allowed`` are not looked at."""
    for modality in pairs.modalities:
        if modality in allowed:
            continue
        seen: dict[bytes, int] = {}
        for row, digest in _contents(pairs, modality):
            first = seen.setdefault(digest, row)
            if pairs.splits[first] != pairs.splits[row]:
                sides = (pairs.splits[first], pairs.splits[row])
                yield Leak(modality=modality, first=pairs.keys[first], second=pairs.keys[row], splits=sides)


def refuse_leaks(pairs: Pairs, *, allowed: Sequence[str] = ()) -> None:
    """Check that no content stands in two splits.

    Raises:
        UsageError: some does; the first few are named.
    """
    found = list(leaks(pairs, allowed=allowed))
    if not found:
        return
    shown = "; ".join(
        f"{leak.modality} of '{leak.first}' ({leak.splits[0]}) is that of '{leak.second}' ({leak.splits[1]})"
        for leak in found[:LEAKS_SHOWN]
    )
    names = ", ".join(f'"{name}"' for name in sorted({leak.modality for leak in found}))
    raise UsageError(
        f"{len(found)} views stand in two splits: {shown}{' ...' if len(found) > LEAKS_SHOWN else ''}.",
        fix=f"Put each on one side; leave out the splits to have them made; or allow it: allow_leaks = [{names}].",
    )


def _groups(pairs: Pairs, by: Literal["concept", "row"]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A group number a row: rows are joined by concept (if asked) and by equal content (Tarjan 1975, union-find)."""
    parent = list(range(len(pairs)))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    seen: dict[object, int] = {}
    joined: list[tuple[int, object]] = [
        (row, digest) for name in pairs.modalities for row, digest in _contents(pairs, name)
    ]
    if by == "concept":
        joined += list(enumerate(pairs.concepts))
    for row, mark in joined:
        low, high = sorted((find(seen.setdefault(mark, row)), find(row)))
        parent[high] = low
    return np.array([find(row) for row in range(len(pairs))], dtype=np.int64)


def _contents(pairs: Pairs, modality: str) -> Iterator[tuple[int, bytes]]:
    """The row and the digest of every view of a modality."""
    views = pairs.of(modality)
    for row, view in zip(views.row_of_view.tolist(), views.features, strict=True):
        yield row, blake2b(modality.encode() + view.tobytes(), digest_size=16).digest()


def unsplit(pairs: Pairs) -> bool:
    """Whether no row was assigned to a split."""
    return not set(pairs.splits) & set(SPLITS)
