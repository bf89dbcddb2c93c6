"""The alpha sweep: weights between each head's start and its end, measured, drawn, and one of them chosen."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import nn

from commonspace.align.chart import Chart, Line
from commonspace.align.gate import OWN_SUITE, may_change
from commonspace.align.mining import encoded
from commonspace.align.pairs import Pairs
from commonspace.align.preserve import Mixture, best_alpha, interpolate
from commonspace.align.recipe import Recipe
from commonspace.apps.measuring import System, recalls
from commonspace.apps.train.branches import Learning
from commonspace.apps.train.systems import Apply, Mapped, unit_rows

__all__ = ["Swept", "sweep", "torch_system"]

TABLE, PICTURE = "sweep.tsv", "sweep.svg"
VALID = "valid"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Swept:
    """The heads at the chosen alpha (1 is the trained end), what every alpha scored, and remarks."""

    alpha: float
    heads: Mapping[str, nn.Module]
    mixtures: tuple[Mixture, ...]
    measure: str
    changing: tuple[str, ...]
    notes: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Write the table and the picture; nothing where nothing was swept."""
        for name in (TABLE, PICTURE):
            (folder / name).unlink(missing_ok=True)
        if not self.mixtures:
            return
        names = sorted(self.mixtures[0].scores)
        rows = [
            ["alpha", *names],
            *([f"{each.alpha:g}", *(f"{each.scores[name]:.4f}" for name in names)] for each in self.mixtures),
        ]
        (folder / TABLE).write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
        shown = [name for name in names if not name.startswith(f"{VALID}: ")]
        lines = [
            Line(name=name, values=tuple(each.scores[name] for each in self.mixtures), solid=name in self.changing)
            for name in shown
        ]
        chart = Chart(
            title=f"{self.measure} from the start (0) to the trained weights (1)",
            across="alpha",
            up=self.measure,
            places=tuple(each.alpha for each in self.mixtures),
            lines=tuple(lines),
            mark=self.alpha,
        )
        (folder / PICTURE).write_text(chart.to_svg(), "utf-8")


def torch_system(name: str, branches: Mapping[str, nn.Module], device: torch.device) -> Mapped:
    """Branches at work in PyTorch, as a system to measure."""

    def apply_of(branch: nn.Module) -> Apply:
        return lambda features: encoded(branch, features, device).cpu().numpy()

    return Mapped(name=name, maps={modality: apply_of(branch) for modality, branch in branches.items()})


def sweep(
    recipe: Recipe,
    learning: Mapping[str, Learning],
    suites: Mapping[str, Pairs],
    modalities: Sequence[str],
    before: System,
) -> Swept:
    """Measure each alpha in every direction of every suite, and choose one as the recipe says."""
    ends = {name: each.end() for name, each in learning.items()}
    measure, k = recipe.gate.measure, recipe.gate.cutoff
    plain: dict[str, Apply] = {name: unit_rows for name in modalities if name not in learning}
    facts: dict[str, Any] = {"measure": measure}
    if not any(each.works for each in learning.values()):
        note = "No alpha sweep: the heads start from nothing, so there is no model to go back to."
        return Swept(alpha=1.0, heads=ends, mixtures=(), changing=(), notes=(note,), **facts)
    wanted = recipe.sweep.choose
    alphas = sorted({*recipe.sweep.alphas, 0.0, 1.0, *(() if wanted == "auto" else (wanted,))})
    mixtures = []
    for alpha in alphas:
        system = torch_system("", _at(learning, ends, alpha), torch.device("cpu"))
        mixed = Mapped(name="", maps={**plain, **system.maps})
        mixtures.append(Mixture(alpha=alpha, scores=recalls(mixed, suites, modalities, k)))
    held = recalls(before, suites, modalities, k)
    changing = tuple(name for name in mixtures[0].scores if may_change(name, recipe.gate.change))
    alpha, notes = (float(wanted), ()) if wanted != "auto" else _chosen(recipe, mixtures, held)
    heads = _at(learning, ends, alpha)
    return Swept(alpha=alpha, heads=heads, mixtures=tuple(mixtures), changing=changing, notes=notes, **facts)


def _at(learning: Mapping[str, Learning], ends: Mapping[str, nn.Module], alpha: float) -> dict[str, nn.Module]:
    """Every head at an alpha; one that started from nothing stays at its end."""
    heads = {}
    for name, each in learning.items():
        head = copy.deepcopy(ends[name])
        if each.works:
            head.load_state_dict(interpolate(each.start.state_dict(), ends[name].state_dict(), alpha))
        heads[name] = head.eval()
    return heads


def _chosen(recipe: Recipe, mixtures: Sequence[Mixture], held: Mapping[str, float]) -> tuple[float, tuple[str, ...]]:
    """The alpha that is best on the valid split among those that keep what must not change."""
    own = f"{OWN_SUITE}: "
    names = list(mixtures[0].scores)
    meant = {name.removeprefix(own) for name in names if name.startswith(own) and may_change(name, recipe.gate.change)}
    improve = [name for name in names if name.startswith(f"{VALID}: ") and name.removeprefix(f"{VALID}: ") in meant]
    guarded = [
        name
        for name in names
        if name in held
        and name not in improve
        and not name.startswith(own)
        and not may_change(name, recipe.gate.change)
    ]
    if not improve:
        note = (
            "Alpha stays 1: the gate lists no direction of the test split that may change, so there is none to gain in."
        )
        return 1.0, (note,)
    tolerances = dict.fromkeys(guarded, recipe.gate.tolerance)
    best = best_alpha(mixtures, improve=improve, tolerances=tolerances, before=held)
    if best is None:
        return 1.0, ("No alpha keeps every guarded direction, not even 0: alpha stays 1, for the gate to judge.",)
    return best.alpha, (f"Alpha {best.alpha:g} was chosen: best on the valid split of those that keep the rest.",)
