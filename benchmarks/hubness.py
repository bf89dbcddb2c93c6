"""Does a store's own calibration help where it was not fitted: hubs, probabilities, "no good match", mixed lists?

    python -m benchmarks.hubness [--data DIR] [--pairs DIR --split valid] [--space nano] [--seeds 5] [--json] [--write]

The concepts of ``DIR/labels.tsv`` are split in half; what ``commonspace calibrate --pairs`` does is done on one half
and measured on the other, both ways, for several splits, beside what the space ships. A query of one modality meets the
items of the unseen concepts (never itself); any item of its concept answers. Banks: the names of ImageNet's classes
(everyday things, like the queries), and the first sentences of docstrings of Python's standard library (foreign). The
latter also serve as queries without an answer: half of them when fitting, the other half when measuring. With
``--strange`` pictures and sounds of saved pairs do so too, those of concepts that the labelled set lacks, half of the
concepts each. With ``--pairs`` saved pairs, whose views are vectors of the space, are measured instead.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import commonspace
from benchmarks.mixed import CLASSES, class_names
from benchmarks.page import as_table, write_table
from benchmarks.retrieval import LABELLED
from benchmarks.unseen import Collected, Found, Split, docstrings, measure, questions, sample, strangers, unanswered
from commonspace.align.pairs import Pairs
from commonspace.apps.calibrating import Fitting, refitted
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.evaluate.metrics import bootstrap_interval
from commonspace.retrieve.bank_choice import halves
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.calibration_file import read_calibration
from commonspace.retrieve.hubness import Bank, Estimator
from commonspace.retrieve.labelled import Labelled
from commonspace.retrieve.refit import try_biases
from recipes.nano.calibrate import bank_of, sides_of_folder, sides_of_pairs, thinned

MOST_THINGS = 500
NONE, SPACE, OWN, FOREIGN, FORCED = "none", "space's own", "store's own", "foreign bank", "foreign, unchecked"
HUBS = (
    "direction",
    "queries",
    NONE,
    SPACE,
    "gain over none (95%)",
    OWN,
    "gain over space's own",
    FOREIGN,
    "gain",
    FORCED,
    "gain",
)
ERRORS = ("direction", SPACE, OWN, "under 0.05")
NONES = ("query", "without an answer", "whose", "precision", "said when so", "said when not")
LISTS = ("query", "answers among", "beside", "plain", "lost", SPACE, "lost", OWN, "lost")
EXPLANATION = """Every figure is of concepts that the fit did not see; a query is averaged over its splits, and
intervals are a bootstrap over queries. *Store's own* is what `commonspace calibrate` would keep.
First table: R@1 by the hubness correction. *Foreign bank*: the typical queries are first sentences
of docstrings; *unchecked*: the best of its corrections on the fitted half, used whether or not it
helps there; both gains are over the space's own. Second: expected calibration error of the first
ten hits, mean over the splits. Third: of the times that "no good match" is said, with as many
queries without an answer as with one, the share that is right; how often it is said to queries
without an answer, and to those with one. *Taken away*: the right items are not there, but all that
is like them is; *foreign*: the docstrings that the fit did not see. Fourth: nDCG@10 of the answers
among some modalities, in a list of them and the wrong items of another; *lost* is what that other
one costs against the list without it."""

Sides = Mapping[Modality, Labelled]
Banks = Mapping[str, Vectors]
Strange = Mapping[Modality, tuple[Vectors, NDArray[np.int64]]]
"""Queries without an answer, and which of them belong together."""


def shipped(space: str, dimension: int) -> Calibration:
    """The calibration that a space ships."""
    return read_calibration(catalog.folder_of(space), dimension)


def fits(
    fitted: Sides, base: Calibration, banks: Banks, foreign: Mapping[Modality, Vectors], seed: int
) -> dict[str, Calibration]:
    """What a store that holds one half of the concepts would be searched with, by the bank that it is given."""
    fitting = Fitting(
        towers=tuple(fitted),
        sample=sample(fitted),
        asked=questions(fitted),
        labelled=True,
        unanswered={modality: unanswered(vectors) for modality, vectors in foreign.items()},
        base=base,
        seed=seed,
    )
    found = {SPACE: base, NONE: replace(base, banks={})}
    for name, bank in banks.items():
        found[name] = refitted(replace(fitting, bank=bank))[0] or base
    found[FORCED] = _forced(fitting, base, banks[FOREIGN], seed)
    return found


def _forced(fitting: Fitting, base: Calibration, bank: Vectors, seed: int) -> Calibration:
    """The best correction over a bank on the fitted half, whatever it does to other queries."""
    banks = {}
    lent = Bank(vectors=bank, estimator=Estimator.NEAREST, strength=1.0)
    for tower in fitting.sample.held:
        answered = list(fitting.answered(tower).values())
        worst = Bank(vectors=bank, estimator=Estimator.NEAREST, strength=1.0, k=8)
        trial = try_biases(answered, worst, lent, seed=seed)
        banks[tower] = worst if trial is None or trial.best is None else trial.best
    return replace(base, banks=banks)


def evaluate(sides: Sides, base: Calibration, embedder: Embedder, num_seeds: int, strange: Strange) -> Found:
    """Fit on one half of the concepts, measure on the other, both ways, for every seed."""
    said = docstrings()
    foreign = {Modality.TEXT: (embedder.embed(said), np.arange(len(said))), **strange}
    banks = {OWN: bank_of(class_names(CLASSES), embedder), FOREIGN: bank_of(said, embedder)}
    found = Found()
    for seed in range(num_seeds):
        fitted_on = {modality: _first_half(groups, seed) for modality, (_, groups) in foreign.items()}
        known = {modality: vectors[fitted_on[modality]] for modality, (vectors, _) in foreign.items()}
        others = {modality: vectors[~fitted_on[modality]] for modality, (vectors, _) in foreign.items()}
        parts = halves(sides, seed=seed)
        for way, (fitted, unseen) in enumerate((parts, parts[::-1])):
            systems = fits(fitted, base, banks, known, seed)
            store = Fitting(towers=tuple(unseen), sample=sample(unseen), asked=questions(unseen), labelled=True)
            keys = {query: side.keys for query, side in unseen.items()}
            measure(Split(name=f"{seed} {way}", unseen=store, keys=keys, foreign=others, systems=systems), found)
    return found


def _first_half(groups: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Half of the groups of queries without an answer, to fit with; one group is never in both halves."""
    order = np.random.default_rng(seed).permutation(np.unique(groups))
    return np.isin(groups, order[: len(order) // 2])


def gain(found: Collected, row: tuple[str, ...], system: str, over: str) -> str:
    """The mean paired difference, with its interval."""
    values = found.values(row, system) - found.values(row, over)
    interval = bootstrap_interval(values, seed=0)
    return f"{values.mean():+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


def hub_rows(found: Collected) -> list[list[str]]:
    """R@1 by direction and bank."""
    rows = []
    for row in sorted(found.rows):
        line = [*row, str(len(found.values(row, SPACE))), f"{found.values(row, NONE).mean():.3f}"]
        line += [f"{found.values(row, SPACE).mean():.3f}", gain(found, row, SPACE, NONE)]
        for system in (OWN, FOREIGN, FORCED):
            line += [f"{found.values(row, system).mean():.3f}", gain(found, row, system, SPACE)]
        rows.append(line)
    return rows


def error_rows(found: Collected) -> list[list[str]]:
    """Calibration errors by direction."""
    rows = []
    for row in sorted(found.rows):
        before, after = (float(found.values(row, system).mean()) for system in (SPACE, OWN))
        rows.append([*row, f"{before:.3f}", f"{after:.3f}", "yes" if after < 0.05 else "no"])
    return rows


def none_rows(found: Collected) -> list[list[str]]:
    """How far "no good match" can be trusted."""
    rows = []
    for query, kind in sorted(row for row in found.rows if row[1] != "answered"):
        for system in (SPACE, OWN):
            right = float(found.values((query, kind), system).mean())
            wrong = float(found.values((query, "answered"), system).mean())
            precision = f"{right / (right + wrong):.3f}" if right + wrong else "never said"
            rows.append([query, kind, system, precision, f"{right:.3f}", f"{wrong:.3f}"])
    return rows


def list_rows(found: Collected) -> list[list[str]]:
    """What each modality costs the others."""
    rows = []
    for row in sorted(found.rows):
        line = list(row)
        for system in ("plain", SPACE, OWN):
            lost = found.values(row, f"{system}, alone") - found.values(row, system)
            line += [f"{found.values(row, system).mean():.3f}", f"{lost.mean():.3f}"]
        rows.append(line)
    return rows


def tables(found: Found) -> dict[str, tuple[Sequence[str], list[list[str]]]]:
    """Every table with its heading."""
    return {
        "hubs": (HUBS, hub_rows(found.hubs)),
        "errors": (ERRORS, error_rows(found.errors)),
        "no good match": (NONES, none_rows(found.nones)),
        "lists": (LISTS, list_rows(found.lists)),
    }


def main() -> int:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=LABELLED, help="folder with labels.tsv")
    parser.add_argument("--pairs", type=Path, help="folder of pairs whose views are vectors of the space")
    parser.add_argument("--strange", type=Path, help="folder of pairs whose other media nothing in the data answers")
    parser.add_argument("--split", default="valid", help="which rows of the pairs")
    parser.add_argument("--space", default="nano", help="the space to measure")
    parser.add_argument("--seeds", type=int, default=5, help="how many splits of the concepts")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the tables")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.write and arguments.pairs is not None:
        parser.error("--write is for the labelled set, which everybody has")
    embedder = commonspace.load(arguments.space)
    if arguments.pairs is None:
        sides, what = sides_of_folder(arguments.data, embedder), "the labelled set"
    else:
        pairs = Pairs.load(arguments.pairs).where(arguments.split)
        sides = thinned(sides_of_pairs(pairs, embedder.space), MOST_THINGS, seed=0)
        what = f"saved pairs, split {arguments.split}, at most {MOST_THINGS} things a modality"
    base = shipped(arguments.space, embedder.space.dimension)
    strange: Strange = {}
    if arguments.strange is not None:
        strange = strangers(sides_of_pairs(Pairs.load(arguments.strange), embedder.space), sides)
    shown = tables(evaluate(sides, base, embedder, arguments.seeds, strange))
    counts = ", ".join(f"{len(side.keys)} {modality}" for modality, side in sides.items())
    said = f"Space `{arguments.space}`, {what} ({counts}), {arguments.seeds} splits of the concepts, both halves."
    if arguments.json:
        print(json.dumps({"about": said, **{name: [head, *rows] for name, (head, rows) in shown.items()}}, indent=2))
    else:
        for name, (head, rows) in shown.items():
            table = Table(*head, title=name)
            for row in rows:
                table.add_row(*row)
            Console(width=180).print(table)
        print(said)
    if arguments.write:
        drawn = "\n".join(as_table(head, rows) for head, rows in shown.values())
        write_table("hubness", f"{drawn}\n{said} {EXPLANATION}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
