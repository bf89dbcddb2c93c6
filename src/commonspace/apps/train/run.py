"""A whole training run: rows, closed forms, heads, the loop, the alpha sweep, every direction, fusions, the gate."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

from torch import nn

from commonspace.align.card import write_card
from commonspace.align.figures import Figures
from commonspace.align.fit import CHECKPOINT, device_of, fit
from commonspace.align.gate import OWN_SUITE, Verdict, judge
from commonspace.align.heads import Head, save_head
from commonspace.align.journal import EVENTS, TABLE, Journal
from commonspace.align.manifest import RunManifest, file_hashes
from commonspace.align.pairs import Pairs
from commonspace.align.plan import Outcome, Progress
from commonspace.align.recipe import Recipe
from commonspace.apps.measuring import Comparison, System, compare, figures, mean_recall
from commonspace.apps.train.branches import Learning, anchor_of, before_of, build, trained_modalities, with_bases
from commonspace.apps.train.data import Loaded, OpenSpace, load_probe, load_rows
from commonspace.apps.train.forms import Forms, fit_forms
from commonspace.apps.train.fusions import Compared, check_fusions, fuse, ready
from commonspace.apps.train.pairs_file import LineFailure
from commonspace.apps.train.shipping import CANDIDATE, placed, write_space
from commonspace.apps.train.sweep import Swept, sweep, torch_system
from commonspace.apps.train.systems import Apply, Mapped, before_map, unit_rows
from commonspace.core.errors import UsageError

__all__ = ["Listener", "RunReport", "comparison_words", "forget", "train"]

FUSIONS = "fusions"


class Listener(Protocol):
    """Who wants to know how a run goes."""

    def stage(self, words: str) -> None:
        """What begins now."""
        ...

    def step(self, progress: Progress) -> None:
        """How a step of the training went."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """How a run ended, and where everything is."""

    folder: Path
    heads: Path
    manifest: RunManifest
    figures: tuple[Figures, ...]
    comparisons: tuple[Comparison, ...]
    fusions: tuple[Compared, ...]
    verdict: Verdict
    outcome: Outcome
    alpha: float
    notes: tuple[str, ...]
    failures: tuple[LineFailure, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _World:
    """What a run works on: rows by split, suites to measure, and what the recipe makes of them."""

    recipe: Recipe
    data: Loaded
    probes: Mapping[str, Loaded]
    train: Pairs
    valid: Pairs
    suites: Mapping[str, Pairs]
    anchor: str
    modalities: tuple[str, ...]

    @property
    def splits(self) -> dict[str, Pairs]:
        """The run's own rows by split."""
        return {"train": self.train, "valid": self.valid, "test": self.suites[OWN_SUITE]}

    @property
    def gained(self) -> list[tuple[str, str]]:
        """The directions with the anchor in which something learns, on the run's own rows."""
        learning = [
            name for name in self.modalities if name != self.anchor and {name, self.anchor} & set(self.recipe.heads)
        ]
        return [pair for each in learning for pair in ((self.anchor, each), (each, self.anchor))]


def train(recipe: Recipe, folder: Path, open_space: OpenSpace, listener: Listener, *, started: str) -> RunReport:
    """Run a recipe to its end; what an earlier run of the same recipe has in the folder is gone on from.

    Args:
        recipe: what to do.
        folder: where everything goes.
        open_space: a space by name, for files of pairs.
        listener: told of stages and steps.
        started: the moment, in UTC, ISO 8601; for the manifest.

    Raises:
        UsageError: the recipe does not fit its data, or the folder holds another run.
    """
    world = _world(recipe, open_space, listener)
    folder.mkdir(parents=True, exist_ok=True)
    listener.stage("closed forms: ridge, Procrustes, CCA")
    forms = fit_forms(recipe, world.train, world.valid, world.anchor)
    learning = build(recipe, world.train, forms.ridges)
    branches: dict[str, nn.Module] = {name: nn.Identity() for name in world.modalities}
    branches |= {name: each.module for name, each in learning.items()}
    outcome = _fitted(world, branches, folder, listener)
    listener.stage("weights between start and end")
    before = _before(world)
    swept = sweep(recipe, learning, {**world.suites, "valid": world.valid}, world.modalities, before)
    swept.write(folder)
    listener.stage("measuring every direction")
    heads = _saved(folder / CANDIDATE, learning, swept)
    shipped = _shipped(world, heads)
    fused = _fused(world, shipped, folder, listener)
    return _judged(world, forms, (before, shipped), swept, _Ended(outcome, folder, started, fused))


def forget(folder: Path) -> None:
    """Remove what an earlier run would be gone on from: its checkpoint and its logs."""
    (folder / CHECKPOINT).unlink(missing_ok=True)
    (folder / TABLE).unlink(missing_ok=True)
    shutil.rmtree(folder / EVENTS, ignore_errors=True)


@final
@dataclass(frozen=True, slots=True)
class _Ended:
    outcome: Outcome
    folder: Path
    started: str
    fused: tuple[Compared, ...]


def _world(recipe: Recipe, open_space: OpenSpace, listener: Listener) -> _World:
    listener.stage("reading the rows")
    data = load_rows(recipe, open_space, listener.stage)
    probes = {each.name: load_probe(recipe, each, open_space, listener.stage) for each in recipe.probes}
    if taken := {OWN_SUITE, "valid"} & set(probes):
        raise UsageError(f"A probe cannot be called '{min(taken)}'.", fix="Give it a name of its own.")
    pairs = with_bases(recipe, data.pairs)
    modalities = trained_modalities(recipe, pairs)
    suites = {OWN_SUITE: pairs.where("test")}
    suites |= {name: with_bases(recipe, each.pairs) for name, each in probes.items()}
    world = _World(
        recipe=recipe,
        data=data,
        probes=probes,
        train=pairs.where("train"),
        valid=pairs.where("valid"),
        suites=suites,
        anchor=anchor_of(recipe),
        modalities=modalities,
    )
    check_fusions(recipe, world.splits, world.anchor)
    return world


def _fitted(world: _World, branches: Mapping[str, nn.Module], folder: Path, listener: Listener) -> Outcome:
    """Train, with the watch on the valid split, the journal, and the checkpoint in the run's folder."""
    plan = world.recipe.plan
    device = device_of(plan.device)
    listener.stage(f"training on {len(world.train)} rows, on {device}")

    def watch(now: Mapping[str, nn.Module]) -> float:
        return mean_recall(torch_system("trained", now, device), world.valid, world.gained)

    with Journal(folder) as journal:

        def report(progress: Progress) -> None:
            journal(progress)
            listener.step(progress)

        return fit(world.train, branches, plan, folder=folder, watch=watch, report=report)


def _before(world: _World) -> Mapped:
    """The system as it was: every modality that had a map."""
    found = {
        name: told
        for name in world.modalities
        if (told := before_of(world.recipe, name, from_space=world.data.made_by_space(name))) is not None
    }
    return Mapped(
        name="before",
        maps={name: apply for name, (apply, _) in found.items()},
        views={name: view for name, (_, view) in found.items() if view != name},
    )


def _saved(folder: Path, learning: Mapping[str, Learning], swept: Swept) -> Path:
    """Write each head as it is meant to go out."""
    shutil.rmtree(folder, ignore_errors=True)
    for modality, each in learning.items():
        head = swept.heads[modality]
        if not isinstance(head, Head):
            raise UsageError(f"The branch of '{modality}' is no head.", fix="Save whole encoders from Python.")
        save_head(folder / modality, head, each.spec)
    return folder


def _shipped(world: _World, heads: Path) -> Mapped:
    """The trained system as it will be used: heads read from their files, without PyTorch."""
    maps: dict[str, Apply] = dict.fromkeys(world.modalities, unit_rows)
    maps |= {name: before_map(heads / name) for name in world.recipe.heads}
    return Mapped(name="trained", maps=maps)


def _fused(world: _World, shipped: Mapped, folder: Path, listener: Listener) -> tuple[Compared, ...]:
    """Train and measure the recipe's fusions of the heads' vectors; an earlier run's go."""
    shutil.rmtree(folder / FUSIONS, ignore_errors=True)
    found = []
    for plan in world.recipe.fusions:
        listener.stage(f"fusing {plan.name}: late, early, hybrid")
        rows = ready(plan, world.splits, world.anchor, shipped.maps)
        found.append(fuse(rows, world.recipe, folder / FUSIONS / plan.name))
    return tuple(found)


def _judged(world: _World, forms: Forms, own: tuple[Mapped, Mapped], swept: Swept, ended: _Ended) -> RunReport:
    """Measure, compare, decide; put the heads where they belong and write the papers."""
    recipe, seed = world.recipe, world.recipe.seed
    systems: list[System] = [own[0], *forms.systems(world.modalities), own[1]]
    by_system = {each.name: figures(each, world.suites, world.modalities, seed=seed) for each in systems}
    rivals = [each for name, found in by_system.items() if name not in {"before", "trained"} for each in found]
    verdict = judge(by_system["before"], by_system["trained"], recipe.gate, rivals)
    told = _compared(world, own[1], systems[:-1])
    heads = placed(ended.folder, promoted=verdict.promoted)
    notes = (*world.data.notes, *swept.notes, *write_space(recipe, world.data, heads))
    manifest = RunManifest(
        recipe=recipe,
        data=world.data.facts(),
        probes={name: each.facts() for name, each in world.probes.items()},
        outcome=ended.outcome,
        figures=[each for found in by_system.values() for each in found],
        verdict=verdict,
        files=file_hashes(heads),
        facts=_facts(recipe, forms, swept.alpha, told, ended.fused) | {"notes": list(notes)},
        started=ended.started,
    )
    manifest.write(ended.folder)
    write_card(ended.folder, manifest.to_dict())
    return RunReport(
        folder=ended.folder,
        heads=heads,
        manifest=manifest,
        figures=tuple(manifest.figures),
        comparisons=told,
        fusions=ended.fused,
        verdict=verdict,
        outcome=ended.outcome,
        alpha=swept.alpha,
        notes=notes,
        failures=(*world.data.failures, *(failure for each in world.probes.values() for failure in each.failures)),
    )


def _facts(
    recipe: Recipe, forms: Forms, alpha: float, told: Sequence[Comparison], fused: Sequence[Compared]
) -> dict[str, Any]:
    return {
        "alpha": alpha,
        "alpha_chosen_by_probes": recipe.sweep.choose == "auto" and bool(recipe.probes),
        "closed_form_strengths": forms.strengths,
        "comparison": [comparison_words(each, recipe.gate.measure) for each in told],
        "fusions": [each.to_dict(recipe.gate.measure) for each in fused],
    }


def _compared(world: _World, own: System, rivals: Sequence[System]) -> tuple[Comparison, ...]:
    """The trained system against each other one, over the queries of the test split where something learned."""
    test, plan = world.suites[OWN_SUITE], world.recipe
    found = [compare((own, rival), test, world.gained, k=plan.gate.cutoff, seed=plan.seed) for rival in rivals]
    return tuple(each for each in found if each is not None)


def comparison_words(comparison: Comparison, measure: str) -> str:
    """A comparison in a line: both figures, the gain with its interval, and what to make of it."""
    gain = comparison.own - comparison.other
    return (
        f"trained {comparison.own:.3f}, {comparison.rival} {comparison.other:.3f} ({measure} over the test split's "
        f"queries): {gain:+.3f} (95% {comparison.low:+.3f} to {comparison.high:+.3f}); training {comparison.words}."
    )
