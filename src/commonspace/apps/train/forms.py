"""A run's closed forms: fitted on its training rows, strengths chosen on its valid rows, ready to be measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from commonspace.align.closed import ClosedForm, closed_forms
from commonspace.align.pairs import Pairs
from commonspace.align.posthoc import Alignment, Canonical
from commonspace.align.recipe import Recipe
from commonspace.apps.measuring import System, mean_recall
from commonspace.apps.train.systems import Apply, CanonicalSystem, Mapped, unit_rows

__all__ = ["Forms", "fit_forms"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forms:
    """Every closed form of every modality that learns."""

    anchor: str
    found: tuple[ClosedForm, ...]

    @property
    def ridges(self) -> dict[str, ClosedForm]:
        """Each modality's ridge, where one was found."""
        return {each.modality: each for each in self.found if each.name == "ridge"}

    @property
    def strengths(self) -> dict[str, float | None]:
        """The strengths chosen, as ``form of modality``."""
        return {f"{each.name} of {each.modality}": each.strength for each in self.found}

    def systems(self, modalities: Sequence[str]) -> list[System]:
        """One system a form: the modalities that it fitted, and the others as vectors of the anchor's space."""
        learning = {each.modality for each in self.found}
        plain: dict[str, Apply] = {name: unit_rows for name in modalities if name not in learning}
        names = list(dict.fromkeys(each.name for each in self.found))
        return [_system(name, self.anchor, [each for each in self.found if each.name == name], plain) for name in names]


def fit_forms(recipe: Recipe, train: Pairs, valid: Pairs, anchor: str) -> Forms:
    """Fit ridge, Procrustes and CCA for every modality with a head and flat features."""
    found: list[ClosedForm] = []
    for modality in sorted(recipe.heads):
        if modality == anchor or train.of(modality).features.ndim != 2:
            continue
        pair = [(anchor, modality), (modality, anchor)]

        def score(
            alignment: Alignment | Canonical, modality: str = modality, pair: list[tuple[str, str]] = pair
        ) -> float:
            form = ClosedForm(name="", modality=modality, alignment=alignment, strength=None)
            return mean_recall(_system("", anchor, [form], {anchor: unit_rows}), valid, pair)

        plan = recipe.closed_forms
        found += closed_forms(train, modality, anchor, strengths=plan.strengths, max_rows=plan.max_rows, score=score)
    return Forms(anchor=anchor, found=tuple(found))


def _system(name: str, anchor: str, forms: Sequence[ClosedForm], plain: Mapping[str, Apply]) -> System:
    canonical = {each.modality: each.alignment for each in forms if isinstance(each.alignment, Canonical)}
    if canonical:
        return CanonicalSystem(name=name, anchor=anchor, alignments=canonical)
    maps = {each.modality: each.alignment.x for each in forms}
    return Mapped(name=name, maps={**plain, **maps})
