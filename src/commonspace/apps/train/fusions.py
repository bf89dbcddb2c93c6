"""Late, early and hybrid fusion in one table: trained on rows that have all parts, measured with all and with some.

The parts are vectors of the space, from the heads as they ship; only the fusion learns. Rivals on the same items and
queries are each part alone and the plain sum.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import nn

from commonspace.align.branches import Fused
from commonspace.align.figures import Figures
from commonspace.align.fit import fit
from commonspace.align.fusion_file import FusionSpec, build_fusion, save_fusion
from commonspace.align.gate import OWN_SUITE
from commonspace.align.manifest import file_hashes
from commonspace.align.pairs import Pairs
from commonspace.align.recipe import FusionRecipe, Recipe
from commonspace.align.terms import Contrast
from commonspace.apps.measuring import Comparison, compare, direction_figures, mean_recall
from commonspace.apps.train.fused import FusedSystem, fusable
from commonspace.apps.train.systems import Apply
from commonspace.core.errors import UsageError

__all__ = ["Compared", "FusedFigures", "Ready", "check_fusions", "fuse", "ready"]

SUM, WEIGHED = "late sum", "late weighed"
RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Weights that a late fusion tries on the valid split, against one of the first part."""

LEAST_ROWS = 2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FusedFigures:
    """One direction under one way to fuse, when only some parts are shown."""

    shown: tuple[str, ...]
    figures: Figures


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What became of one fusion of the recipe: every figure, and how each way did against its rivals."""

    name: str
    parts: tuple[str, ...]
    num_rows: Mapping[str, int]
    weights: Mapping[str, float]
    figures: tuple[FusedFigures, ...]
    comparisons: tuple[Comparison, ...]
    files: Mapping[str, str]

    def to_dict(self, measure: str) -> dict[str, Any]:
        """The document; ``measure`` names what the comparisons compare."""
        return {
            "name": self.name,
            "parts": list(self.parts),
            "rows": dict(self.num_rows),
            "late_weights": dict(self.weights),
            "figures": [{"shown": list(each.shown), **each.figures.to_dict()} for each in self.figures],
            "comparison": self.words(measure),
            "files": dict(self.files),
        }

    def words(self, measure: str) -> list[str]:
        """Every comparison in a line."""
        return [_words(each, measure) for each in self.comparisons]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ready:
    """A fusion of the recipe and the rows that it learns from, is watched on and is measured on."""

    plan: FusionRecipe
    anchor: str
    splits: Mapping[str, Pairs]

    @property
    def directions(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """From the anchor and back."""
        return (self.anchor, self.plan.name), (self.plan.name, self.anchor)

    @property
    def shown(self) -> tuple[tuple[str, ...], ...]:
        """All parts, and all but each one."""
        parts = self.plan.parts
        return parts, *(tuple(name for name in parts if name != missing) for missing in parts)

    def system(self, name: str, module: nn.Module, shown: Sequence[str]) -> FusedSystem:
        """A way to fuse, as a system to measure."""
        return FusedSystem(name=name, anchor=self.anchor, parts=self.plan.parts, shown=tuple(shown), module=module)


def check_fusions(recipe: Recipe, splits: Mapping[str, Pairs], anchor: str) -> None:
    """Look before the heads are trained whether there is anything to fuse.

    Raises:
        UsageError: a fusion names a part twice, or the anchor, or what the pairs lack, or too few rows have all parts.
    """
    names = [each.name for each in recipe.fusions]
    for plan in recipe.fusions:
        if len(set(plan.parts)) < len(plan.parts) or anchor in plan.parts or names.count(plan.name) > 1:
            raise UsageError(
                f"'{plan.name}' cannot be fused towards '{anchor}'.",
                fix="Name each part once, each fusion once, and not the anchor.",
            )
        for split in ("train", "test"):
            if (found := int(splits[split].has(anchor, *plan.parts).sum())) < LEAST_ROWS:
                raise UsageError(
                    f"{found} rows of '{split}' have all of {anchor}, {', '.join(plan.parts)}.",
                    fix="A fusion is learned from rows that have every part: add some, or leave the fusion out.",
                )


def ready(plan: FusionRecipe, splits: Mapping[str, Pairs], anchor: str, maps: Mapping[str, Apply]) -> Ready:
    """Bring the rows that have all parts into the space."""
    return Ready(
        plan=plan,
        anchor=anchor,
        splits={name: fusable(pairs, plan.parts, anchor, maps) for name, pairs in splits.items()},
    )


def fuse(each: Ready, recipe: Recipe, folder: Path) -> Compared:
    """Choose late weights, train the early and the hybrid fusion, save all three, measure them beside their rivals."""
    specs = _specs(each)
    ways = {SUM: build_fusion(replace(specs["late"], weights=dict.fromkeys(each.plan.parts, 1.0)))}
    late = _weighed(each, specs["late"])
    ways[WEIGHED] = build_fusion(late)
    save_fusion(folder / "late", ways[WEIGHED], late)
    for kind in ("early", "hybrid"):
        ways[kind] = _trained(each, recipe, specs[kind])
        save_fusion(folder / kind, ways[kind], specs[kind])
    return Compared(
        name=each.plan.name,
        parts=each.plan.parts,
        num_rows={name: len(pairs) for name, pairs in each.splits.items()},
        weights=late.weights,
        figures=tuple(_figures(each, ways, recipe.seed)),
        comparisons=tuple(_comparisons(each, ways, recipe)),
        files=file_hashes(folder),
    )


def _specs(each: Ready) -> dict[str, FusionSpec]:
    plan = each.plan
    dimension = each.splits["train"].dimension(each.anchor)
    whole = FusionSpec(kind="late", parts=plan.parts, dimension=dimension, hidden=plan.hidden, dropout=plan.dropout)
    return {"late": whole, "early": replace(whole, kind="early"), "hybrid": replace(whole, kind="hybrid")}


def _weighed(each: Ready, spec: FusionSpec) -> FusionSpec:
    """The late weights that are best on the valid split; equal ones where several are, or where it has no rows."""
    found = []
    for ratios in product(RATIOS, repeat=len(spec.parts) - 1):
        weights = dict(zip(spec.parts, (1.0, *ratios), strict=True))
        module = build_fusion(replace(spec, weights=weights))
        score = mean_recall(each.system("", module, spec.parts), each.splits["valid"], each.directions)
        found.append((score, -float(np.abs(np.log(ratios)).sum()), weights))
    best = max(found, key=lambda entry: entry[:2])
    return replace(spec, weights=best[2])


def _trained(each: Ready, recipe: Recipe, spec: FusionSpec) -> nn.Module:
    """Learn from the training rows by the recipe's schedule and its first contrast; the best on the valid rows."""
    contrast = next((term for term in recipe.losses if isinstance(term, Contrast)), Contrast(anchor=each.anchor))
    plan = replace(recipe.plan, terms=(replace(contrast, anchoring="text", pairs=(), weight=1.0),))
    plan = replace(plan, negatives=replace(plan.negatives, company=0))
    module = build_fusion(spec, generator=torch.Generator().manual_seed(recipe.seed))
    branch = Fused(module, spec.parts, rate=each.plan.hide)

    def watch(now: Mapping[str, nn.Module]) -> float:
        held = now[each.plan.name]
        if not isinstance(held, Fused):
            raise UsageError("The loop lost the fusion that it trains.", fix="Hand it a Fused branch.")
        systems = [each.system("", held.fusion, shown) for shown in each.shown]
        return float(np.mean([mean_recall(system, each.splits["valid"], each.directions) for system in systems]))

    branches = {each.anchor: nn.Identity(), each.plan.name: branch}
    fit(each.splits["train"], branches, plan, watch=watch if len(each.splits["valid"]) else None)
    return module.cpu().eval()


def _figures(each: Ready, ways: Mapping[str, nn.Module], seed: int) -> Iterator[FusedFigures]:
    """Each part alone, then every way with all parts, then every way with each part missing."""
    alone = [(each.plan.parts, system) for system in _alone(each, ways[SUM])]
    fused = [(shown, each.system(name, module, shown)) for shown in each.shown for name, module in ways.items()]
    for shown, system in (*alone, *fused):
        for direction in each.directions:
            found = direction_figures(system, (OWN_SUITE, each.splits["test"]), direction, seed=seed)
            if found is not None:
                yield FusedFigures(shown=shown, figures=found)


def _alone(each: Ready, plain: nn.Module) -> list[FusedSystem]:
    """Each part by itself: the plain sum of one."""
    return [each.system(f"{part} alone", plain, (part,)) for part in each.plan.parts]


def _comparisons(each: Ready, ways: Mapping[str, nn.Module], recipe: Recipe) -> Iterator[Comparison]:
    """With all parts there, every way against the part that is best alone, and every learned one against the sum."""
    k, test = recipe.gate.cutoff, each.splits["test"]
    systems = {name: each.system(name, module, each.plan.parts) for name, module in ways.items()}
    alone = [
        (found.other, rival)
        for rival in _alone(each, ways[SUM])
        if (found := compare((systems[SUM], rival), test, each.directions, k=k, seed=recipe.seed)) is not None
    ]
    best = max(alone, key=lambda entry: entry[0])[1]
    matches = [(system, best) for system in systems.values()]
    matches += [(system, systems[SUM]) for name, system in systems.items() if name != SUM]
    for match in matches:
        found = compare(match, test, each.directions, k=k, seed=recipe.seed)
        if found is not None:
            yield found


def _words(found: Comparison, measure: str) -> str:
    """A comparison in a line, with the paired interval of the difference."""
    return (
        f"{found.system} {found.own:.3f}, {found.rival} {found.other:.3f} ({measure}, both directions): "
        f"{found.own - found.other:+.3f} (95% {found.low:+.3f} to {found.high:+.3f}); {found.system} {found.words}."
    )
