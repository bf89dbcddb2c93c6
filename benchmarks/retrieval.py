"""Does anything find anything? Every direction between text, images and sounds, on a labelled folder.

    python -m benchmarks.retrieval [--data DIR] [--photos DIR] [--space nano] [--seed 0] [--json] [--write]

``DIR/labels.tsv`` names a file, concept, modality and caption a line. A text is one distinct caption of a concept; the
captions of pictures meet pictures and those of sounds meet sounds. A query is hit at k when *any* item of its concept
stands at rank k or better, ties counted against the system. Chance is what a random order would score under the same
definition, exactly (hypergeometric). The interval is a bootstrap over queries. Queries whose concept has no item on the
other side are left out, and counted. ``--photos`` reads ``photos.tsv`` (file, caption): one photograph a caption.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import commonspace
from benchmarks.page import as_table, write_table
from commonspace.align.figures import CUTOFFS, Recall
from commonspace.apps.measuring import Side
from commonspace.evaluate.metrics import best_ranks, bootstrap_interval, chance_recall, median_rank, recall_at

LABELLED = Path(__file__).parents[1] / "tests" / "data" / "labelled"
HEADER = ("direction", "queries", "items", "R@1", "R@5", "R@10", "median rank", "chance R@1", "R@5", "R@10")
EXPLANATION = """`R@k`: the share of queries for which any item of the same concept is among the first k, with the
bootstrap 95% interval over queries in brackets; ties count against the system. Chance: a random order under the same
definition, exactly."""


class Embeds(Protocol):
    """What is measured: anything that turns texts and files into unit rows."""

    def embed(self, items: Sequence[str | Path], /) -> NDArray[np.float32]:
        """One unit row an item, in order."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures of one direction; ``num_left_out`` queries had nothing to find."""

    direction: str
    num_queries: int
    num_left_out: int
    num_items: int
    median_rank: float
    recalls: tuple[Recall, ...]


def measure(direction: str, queries: Side, corpus: Side, *, seed: int) -> Measured:
    """Rank the whole corpus for every query that has something to find, and sum up."""
    same = np.array([[asked == held for held in corpus.concepts] for asked in queries.concepts])
    return measure_answers(direction, queries.vectors @ corpus.vectors.T, same, seed=seed)


def measure_answers(direction: str, scores: NDArray[np.floating], answers: NDArray[np.bool_], *, seed: int) -> Measured:
    """The same from scores (queries x items) and which items answer a query."""
    kept = answers.any(axis=1)
    relevant = answers[kept]
    ranks = best_ranks(scores[kept], relevant)
    recalls = []
    for k in CUTOFFS:
        interval = bootstrap_interval((ranks <= k).astype(np.float64), seed=seed)
        chance = chance_recall(answers.shape[1], relevant.sum(axis=1), k)
        recalls.append(Recall(k=k, value=recall_at(ranks, k), low=interval.low, high=interval.high, chance=chance))
    return Measured(
        direction=direction,
        num_queries=int(kept.sum()),
        num_left_out=int((~kept).sum()),
        num_items=answers.shape[1],
        median_rank=median_rank(ranks),
        recalls=tuple(recalls),
    )


def labelled(folder: Path, embedder: Embeds, *, seed: int) -> list[Measured]:
    """Every direction on a folder with ``labels.tsv``."""
    rows = _read_table(folder / "labels.tsv")
    sides: dict[str, Side] = {}
    for modality in ("image", "audio"):
        mine = [row for row in rows if row["modality"] == modality]
        sides[modality] = _embedded(embedder, [(row["concept"], folder / row["file"]) for row in mine])
        captions = sorted({(row["concept"], row["caption"]) for row in mine})
        sides[f"text of {modality}"] = _embedded(embedder, captions)
    pairs = (
        ("text->image", "text of image", "image"),
        ("image->text", "image", "text of image"),
        ("text->audio", "text of audio", "audio"),
        ("audio->text", "audio", "text of audio"),
        ("image->audio", "image", "audio"),
        ("audio->image", "audio", "image"),
    )
    return [measure(direction, sides[query], sides[corpus], seed=seed) for direction, query, corpus in pairs]


def photographs(folder: Path, embedder: Embeds, *, seed: int) -> list[Measured]:
    """Both directions on a folder with ``photos.tsv``; each photograph is a concept of its own."""
    rows = _read_table(folder / "photos.tsv")
    beside = folder / "photos" if (folder / "photos").is_dir() else folder
    images = _embedded(embedder, [(row["caption"], beside / Path(row["file"]).name) for row in rows])
    texts = _embedded(embedder, [(row["caption"], row["caption"]) for row in rows])
    return [
        measure("photos: text->image", texts, images, seed=seed),
        measure("photos: image->text", images, texts, seed=seed),
    ]


def _read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _embedded(embedder: Embeds, items: Sequence[tuple[str, str | Path]]) -> Side:
    return Side(
        concepts=tuple(concept for concept, _ in items),
        vectors=embedder.embed([content for _, content in items]),
    )


def cells(measured: Measured) -> list[str]:
    """One line of the table."""
    recalls = [f"{one.value:.3f} ({one.low:.2f}-{one.high:.2f})" for one in measured.recalls]
    chances = [f"{one.chance:.3f}" for one in measured.recalls]
    counts = [str(measured.num_queries), str(measured.num_items)]
    return [measured.direction, *counts, *recalls, f"{measured.median_rank:g}", *chances]


def show(results: Sequence[Measured], console: Console) -> None:
    """Print the table, and how many queries had nothing to find."""
    table = Table(title="any item of the same concept at rank <= k; 95% bootstrap interval over queries")
    for first, second in pairwise(("", *HEADER)):
        table.add_column(second, justify="right" if first else "left")
    for measured in results:
        table.add_row(*cells(measured))
    console.print(table)
    for measured in results:
        if measured.num_left_out:
            console.print(f"{measured.direction}: {measured.num_left_out} queries left out: nothing of their concept")


def main() -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=LABELLED, help="folder with labels.tsv")
    parser.add_argument("--photos", type=Path, help="folder with photos.tsv, measured too")
    parser.add_argument("--space", default="nano", help="the space to measure")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    embedder = commonspace.load(arguments.space)
    results = labelled(arguments.data, embedder, seed=arguments.seed)
    if arguments.photos is not None:
        results += photographs(arguments.photos, embedder, seed=arguments.seed)
    if arguments.json:
        document = {"space": arguments.space, "seed": arguments.seed, "results": [asdict(one) for one in results]}
        print(json.dumps(document, indent=2))
    else:
        show(results, Console(width=160))
    if arguments.write:
        said = f"Space `{arguments.space}`, seed {arguments.seed}. {EXPLANATION}"
        write_table("retrieval", f"{as_table(HEADER, [cells(one) for one in results])}\n{said}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
