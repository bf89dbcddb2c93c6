"""What a recipe's heads become: networks with a start, the maps that stood in their place before, and closed forms."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from torch import nn

from commonspace.align.closed import ClosedForm
from commonspace.align.heads import HeadSpec, build_head, load_head
from commonspace.align.lowrank import LowRank
from commonspace.align.pairs import Pairs, Views
from commonspace.align.posthoc import Affine
from commonspace.align.recipe import HeadRecipe, Recipe
from commonspace.align.terms import Contrast
from commonspace.apps.train.systems import Apply, before_map, unit_rows
from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality

__all__ = ["Learning", "anchor_of", "before_of", "build", "trained_modalities", "with_bases"]

VIEW = "view:"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learning:
    """A modality's head as it starts. ``start`` is the plain network that low-rank adapters and sweeps go on from.

    ``works`` says that the start is already a model worth something, so that weights between start and end make sense.
    """

    modality: str
    spec: HeadSpec
    start: nn.Module
    module: nn.Module
    works: bool

    def end(self) -> nn.Module:
        """The trained network as a plain head, adapters merged, on the processor, in evaluation mode."""
        end = self.module.merge() if isinstance(self.module, LowRank) else copy.deepcopy(self.module)
        return end.cpu().eval()


def anchor_of(recipe: Recipe) -> str:
    """What everything is aligned with: the first contrast's anchor."""
    return next((each.anchor for each in recipe.losses if isinstance(each, Contrast)), Modality.TEXT.value)


def trained_modalities(recipe: Recipe, pairs: Pairs) -> tuple[str, ...]:
    """The modalities that a run trains or measures: those of the product's own names, and all that the recipe names.

    Raises:
        UsageError: the recipe names a modality that the pairs lack.
    """
    named = {anchor_of(recipe), *recipe.heads}
    named |= {name for each in recipe.losses if isinstance(each, Contrast) for pair in each.pairs for name in pair}
    for name in sorted(named):
        pairs.of(name)
    dimension = pairs.dimension(anchor_of(recipe))
    fitting = {
        each.value for each in Modality if each.value in pairs.views and pairs.dimension(each.value) == dimension
    }
    return tuple(sorted(named | fitting))


def with_bases(recipe: Recipe, pairs: Pairs) -> Pairs:
    """The pairs with each gated head's base put behind its features: that is what such a head takes.

    Raises:
        UsageError: a base has not one view for each of its modality's.
    """
    for modality, head in recipe.heads.items():
        if head.base is None or modality not in pairs.views:
            continue
        own, base = pairs.of(modality), pairs.of(head.base)
        if not np.array_equal(own.offsets, base.offsets):
            raise UsageError(
                f"'{head.base}' has not one view for each of '{modality}'.", fix="Save both in the same order."
            )
        joined = np.concatenate([own.features.astype(np.float32), base.features.astype(np.float32)], axis=1)
        pairs = pairs.with_views(modality, Views(features=joined, offsets=own.offsets))
    return pairs


def build(recipe: Recipe, pairs: Pairs, forms: Mapping[str, ClosedForm]) -> dict[str, Learning]:
    """Every head at its start. ``forms`` are each modality's ridge, for heads that start from a closed form."""
    dimension = pairs.dimension(anchor_of(recipe))
    return {
        modality: _learning(recipe, modality, (pairs.dimension(modality), dimension), forms.get(modality))
        for modality in sorted(recipe.heads)
    }


def _learning(recipe: Recipe, modality: str, sizes: tuple[int, int], form: ClosedForm | None) -> Learning:
    head = recipe.heads[modality]
    generator = torch.Generator().manual_seed(recipe.seed)
    if head.start_from is not None:
        start, spec = load_head(recipe.path(head.start_from))
        if (start.inputs, start.outputs) != sizes:
            raise UsageError(
                f"The head in {head.start_from} takes {start.inputs} features to {start.outputs}; "
                f"'{modality}' has {sizes[0]} to {sizes[1]}.",
                fix="Go on from a head of the same tower and space.",
            )
    else:
        spec = _spec(head, sizes[1])
        start = build_head(spec, *sizes, given=_given(head, form), generator=generator)
    module = LowRank(start, head.rank, generator=generator) if head.rank else copy.deepcopy(start)
    return Learning(modality=modality, spec=spec, start=start.eval(), module=module, works=_works(head, sizes))


def before_of(recipe: Recipe, modality: str, *, from_space: bool) -> tuple[Apply, str] | None:
    """What stood in a head's place: the map, and the view that it reads; None where nothing did."""
    head = recipe.heads.get(modality)
    if head is None:
        return unit_rows, modality
    told = head.before
    if told == "auto":
        told = head.start_from or (f"{VIEW}{head.base}" if head.base else "features" if from_space else "nothing")
    if told == "nothing":
        return None
    if told == "features":
        return unit_rows, modality
    if told.startswith(VIEW):
        return unit_rows, told.removeprefix(VIEW)
    return before_map(recipe.path(told)), modality


def _spec(head: HeadRecipe, dimension: int) -> HeadSpec:
    spec = HeadSpec(kind=head.kind, hidden=head.hidden, blocks=head.blocks, dropout=head.dropout, start=head.start)
    gated = head.kind == "gated"
    return replace(spec, skip=head.skip, gate=head.gate, base=dimension if gated else 0)


def _given(head: HeadRecipe, form: ClosedForm | None) -> Affine | None:
    fixed = head.kind == "residual" and head.skip == "fixed"
    wanted = fixed or (head.start == "given" and head.kind in {"linear", "residual"} and head.skip != "identity")
    return form.alignment.x_map if wanted and form is not None else None


def _works(head: HeadRecipe, sizes: tuple[int, int]) -> bool:
    """Whether it is a model already: a saved head, a closed form, a base, or a copy of vectors of the space."""
    if head.start_from is not None or head.kind in {"identity", "gated"}:
        return True
    if head.start == "random":
        return False
    closed = head.start == "given" or head.skip == "fixed"
    copied = sizes[0] == sizes[1] and (head.start == "identity" or head.skip == "identity")
    return closed or copied
