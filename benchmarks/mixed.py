"""One list of texts, pictures and sounds: does calibration put the right ones first, and does it know when to say no?

    python -m benchmarks.mixed [--data DIR] [--space nano] [--bank FILE] [--seeds 5] [--json] [--write]

The concepts of ``DIR/labels.tsv`` are split in half; a calibration is fitted on one half and measured on the other,
both ways, for several splits. A query of one modality meets all items of the unseen concepts (never itself); any item
of its concept is relevant. Rivals rank the same scores: as they are (plain); each modality centred and scaled by what
the fitted half's queries scored on it (z-score); by probability, without and with the hubness correction. The bank is
``--bank`` (a query a line), else the names of ImageNet's classes in ``recipes/nano/classes.tsv``.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import commonspace
from benchmarks.page import as_table, write_table
from benchmarks.retrieval import LABELLED
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.evaluate.graded import ndcg_at
from commonspace.evaluate.metrics import bootstrap_interval
from commonspace.retrieve.bank_choice import halves
from commonspace.retrieve.calibrate import fit_calibration
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.labelled import Labelled
from recipes.nano.calibrate import bank_of, sides_of_folder

CUTOFF = 10
CLASSES = Path(__file__).parents[1] / "recipes" / "nano" / "classes.tsv"
TEXT, IMAGE, AUDIO = Modality.TEXT, Modality.IMAGE, Modality.AUDIO
LISTS = ((TEXT, IMAGE, AUDIO), (IMAGE, AUDIO), (TEXT, IMAGE), (TEXT, AUDIO))
HEADER = ("query", "list", "queries", "plain", "z-score", "probability", "with bank", "gain (95%)")
VERDICTS = ("query", "finds a good match", "says no good match")
EXPLANATION = """nDCG@10 of one mixed list, mean over queries and splits, by what the list is ordered by. The gain is
that of probability with bank over plain, with the bootstrap 95% interval over queries (each averaged over its splits).
Second table: the share of queries with something to find for which a right item is among the first ten and called a
good match; and, with every right item taken away, the share that is answered with "no good match"."""

Sides = Mapping[Modality, Labelled]
Floats = NDArray[np.float64]
Run = tuple[Sequence[str], Mapping[str, Floats]]
"""The queries of one run, and their values in every order."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One modality's share of a list: what every query scores, before and after, and what it would be right to find."""

    relevant: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    orders: Mapping[str, Floats]
    good: NDArray[np.bool_]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """nDCG@10 of one kind of query over one kind of list, by order, and the interval of the gain."""

    query: str
    listed: str
    num_queries: int
    ndcg: Mapping[str, float]
    gain: float
    low: float
    high: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How often a query is told the truth about whether there is a good match."""

    query: str
    found: float
    refused: float


def part(
    query: Labelled, pair: tuple[Modality, Modality], items: Labelled, fitted: Sides, kinds: Sequence[Calibration]
) -> Part:
    """Score every query against one modality's items in every order; ``kinds`` are without and with a bank."""
    concepts = np.array([[asked == held for held in items.concepts] for asked in query.concepts], np.bool_)
    counted = np.array([[asked != held for held in items.keys] for asked in query.keys], np.bool_)
    plain = (query.vectors @ items.vectors.T).astype(np.float64)
    seen = fitted[pair[0]].vectors @ fitted[pair[1]].vectors.T
    bare, banked = kinds
    probability = bare.directions[pair].logistic.probability(plain)
    corrected = banked.directions[pair].logistic.probability(plain - banked.bias(pair[1], items.vectors))
    return Part(
        relevant=concepts,
        counted=counted,
        orders={
            "plain": plain,
            "z-score": (plain - seen.mean()) / seen.std(),
            "probability": probability,
            "with bank": corrected,
        },
        good=corrected >= banked.directions[pair].threshold,
    )


def listed(parts: Mapping[Modality, Part], modalities: Sequence[Modality], keys: Sequence[str]) -> Run:
    """One list of several modalities: which queries have something to find, and their nDCG in every order."""
    chosen = [parts[modality] for modality in modalities]
    counted = np.concatenate([each.counted for each in chosen], axis=1)
    relevant = np.concatenate([each.relevant for each in chosen], axis=1) & counted
    kept = relevant.any(axis=1)
    values = {}
    for order in chosen[0].orders:
        scores = np.concatenate([each.orders[order] for each in chosen], axis=1)
        values[order] = ndcg_at(np.where(counted, scores, -np.inf)[kept], relevant[kept], CUTOFF)
    return [key for key, has in zip(keys, kept, strict=True) if has], values


def verdicts(parts: Mapping[Modality, Part]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of queries with something to find: a right one among the first ten and good? None good without?"""
    chosen = list(parts.values())
    counted = np.concatenate([each.counted for each in chosen], axis=1)
    relevant = np.concatenate([each.relevant for each in chosen], axis=1) & counted
    good = np.concatenate([each.good for each in chosen], axis=1) & counted
    scores = np.where(counted, np.concatenate([each.orders["with bank"] for each in chosen], axis=1), -np.inf)
    kept = relevant.any(axis=1)
    first = np.argsort(-scores, axis=1, kind="stable")[:, :CUTOFF]
    found = np.asarray(np.take_along_axis(relevant & good, first, 1).any(axis=1), np.bool_)
    fooled = np.asarray((good & ~relevant).any(axis=1), np.bool_)
    return found[kept], ~fooled[kept]


def measure(sides: Sides, bank: Vectors, seeds: Sequence[int]) -> tuple[list[Measured], list[Said]]:
    """Fit on one half of the concepts, measure on the other, both ways, for every seed."""
    kinds = [(query, modalities) for query in sides for modalities in LISTS]
    runs: dict[tuple[Modality, tuple[Modality, ...]], list[Run]] = {kind: [] for kind in kinds}
    told: dict[Modality, list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]] = {query: [] for query in sides}
    for seed in seeds:
        first, second = halves(sides, seed=seed)
        for fitted, unseen in ((first, second), (second, first)):
            calibrations = [fit_calibration(fitted, seed=seed), fit_calibration(fitted, bank=bank, seed=seed)]
            for query in sides:
                parts = {
                    tower: part(unseen[query], (query, tower), unseen[tower], fitted, calibrations) for tower in sides
                }
                told[query].append(verdicts(parts))
                for modalities in LISTS:
                    runs[query, modalities].append(listed(parts, modalities, unseen[query].keys))
    measured = [_summed(query, modalities, runs[query, modalities]) for query, modalities in kinds]
    said = [
        Said(
            query=query.value,
            found=float(np.mean(np.concatenate([found for found, _ in each]))),
            refused=float(np.mean(np.concatenate([refused for _, refused in each]))),
        )
        for query, each in told.items()
    ]
    return measured, said


def _summed(query: Modality, modalities: Sequence[Modality], runs: Sequence[Run]) -> Measured:
    """Every query averaged over its splits, then the mean over queries."""
    names = list(runs[0][1])
    by_query: dict[str, list[list[float]]] = {}
    for keys, values in runs:
        for place, key in enumerate(keys):
            by_query.setdefault(key, []).append([float(values[name][place]) for name in names])
    whole = np.array([np.mean(each, axis=0) for each in by_query.values()])
    gains = whole[:, names.index("with bank")] - whole[:, names.index("plain")]
    interval = bootstrap_interval(gains, seed=0)
    return Measured(
        query=query.value,
        listed=" + ".join(modalities),
        num_queries=len(gains),
        ndcg=dict(zip(names, (float(mean) for mean in whole.mean(axis=0)), strict=True)),
        gain=float(gains.mean()),
        low=interval.low,
        high=interval.high,
    )


def cells(one: Measured) -> list[str]:
    """One line of the first table."""
    numbers = [f"{value:.3f}" for value in one.ndcg.values()]
    return [
        one.query,
        one.listed,
        str(one.num_queries),
        *numbers,
        f"{one.gain:+.3f} ({one.low:+.2f} to {one.high:+.2f})",
    ]


def said_cells(one: Said) -> list[str]:
    """One line of the second table."""
    return [one.query, f"{one.found:.3f}", f"{one.refused:.3f}"]


def class_names(path: Path) -> list[str]:
    """The first name of every class, with an article before it: everyday queries that no label of the set wrote."""
    lines = [line.split("\t") for line in path.read_text("utf-8").splitlines() if line.startswith("n")]
    return [f"a {names.split(';')[0]}" for _, names, _ in lines]


def _show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> None:
    table = Table(title=title)
    for name in header:
        table.add_column(name, justify="left" if name in ("query", "list") else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def main() -> int:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=LABELLED, help="folder with labels.tsv")
    parser.add_argument("--space", default="nano", help="the space to measure")
    parser.add_argument("--bank", type=Path, help="typical queries, one a line")
    parser.add_argument("--seeds", type=int, default=5, help="how many splits of the concepts")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the tables")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    embedder = commonspace.load(arguments.space)
    read: Callable[[Path], list[str]] = (
        class_names if arguments.bank is None else lambda path: path.read_text().split("\n")
    )
    bank = bank_of([text for text in read(arguments.bank or CLASSES) if text.strip()], embedder)
    measured, said = measure(sides_of_folder(arguments.data, embedder), bank, range(arguments.seeds))
    rows, told = [cells(one) for one in measured], [said_cells(one) for one in said]
    if arguments.json:
        print(
            json.dumps(
                {"lists": [asdict(one) for one in measured], "verdicts": [asdict(one) for one in said]}, indent=2
            )
        )
    else:
        _show("nDCG@10 of one mixed list, on concepts that no fit saw", HEADER, rows, Console(width=140))
        _show("is there a good match?", VERDICTS, told, Console(width=140))
    if arguments.write:
        asked = f"Space `{arguments.space}`, {arguments.seeds} splits of the concepts. {EXPLANATION}"
        write_table("mixed", f"{as_table(HEADER, rows)}\n{as_table(VERDICTS, told)}\n{asked}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
