"""Do words find recordings and table rows, and these words? On recordings and rows that nothing was learned from.

    python -m benchmarks.sensors [--space nano-full] [--recordings 48] [--judged 10] [--seed 0] [--json] [--write]

*Recordings* are made (`recipes/nano/sensing`): those judged have a pace, a sampling rate and words not learned from.
Suites: all kinds of recordings by the space's own head; and the ten kinds that a second head, learned here from the
other 52, never met (no recording, no word), found among all. *words only* is how far the text tower itself gets from
the unlearned words to the learned ones: no head can be expected to do better. *Rows* are of real tables
(`benchmarks/tables.py`); nothing was trained for them. A query is hit at k when any item of its kind, or any row that
answers it, stands at rank k or better.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

import numpy as np
from rich.console import Console
from rich.table import Table

import commonspace
from benchmarks.page import as_table, write_table
from benchmarks.retrieval import Measured, measure
from benchmarks.tables import directions
from commonspace.apps.measuring import Side
from commonspace.core.modality import Modality
from commonspace.encode.embedder import Embedder
from recipes.nano.sensing.head import learn, lessons, said, tower_of
from recipes.nano.sensing.recordings import CONCEPTS, STRANGERS, captions

HEADER = ("suite", "direction", "system", "queries", "items", "R@1", "R@5", "R@10", "median rank")
SEED_TO_JUDGE = 2
EVERY = frozenset(concept.key for concept in CONCEPTS)
Systems = Mapping[str, list[Measured]]


def recordings(embedder: Embedder, arguments: argparse.Namespace) -> dict[str, Systems]:
    """Both suites of recordings."""
    seed, count = arguments.seed, arguments.recordings
    judged = lessons(CONCEPTS, arguments.judged, seed=seed + SEED_TO_JUDGE, learned=False)
    known = [concept for concept in CONCEPTS if concept.key not in STRANGERS]
    targets = said(embedder, CONCEPTS)
    train = lessons(known, count, seed=seed, learned=True)
    valid = lessons(known, max(2, count // 6), seed=seed + 1, learned=True)
    head, scaling, _ = learn(train, valid, targets)
    own, other = embedder.tower(Modality.SENSOR), tower_of(head, scaling)
    words = _texts(embedder)
    learned = Side(vectors=np.stack([targets[key] for key in sorted(EVERY)]), concepts=tuple(sorted(EVERY)))
    by_own, by_other = (
        Side(vectors=tower.encode(list(judged.features)), concepts=judged.concepts) for tower in (own, other)
    )
    few = partial(_of, concepts=STRANGERS)
    found = partial(measure, seed=seed)
    return {
        "known kinds": {
            "words only": [found("text->sensor", words, learned)],
            "nano-full": [found("text->sensor", words, by_own), found("sensor->text", by_own, words)],
        },
        "unknown kinds among all": {
            "words only": [found("text->sensor", few(words), learned)],
            "head of the others": [
                found("text->sensor", few(words), by_other),
                found("sensor->text", few(by_other), words),
            ],
        },
        "unknown kinds by themselves": {
            "head of the others": [
                found("text->sensor", few(words), few(by_other)),
                found("sensor->text", few(by_other), few(words)),
            ]
        },
    }


def table(suites: Mapping[str, Systems]) -> list[list[str]]:
    """Lines by suite and direction, chance first."""
    lines = []
    for suite, systems in suites.items():
        for direction in dict.fromkeys(one.direction for all_of in systems.values() for one in all_of):
            told = {name: one for name, all_of in systems.items() for one in all_of if one.direction == direction}
            last = list(told.values())[-1]
            chance = [f"{each.chance:.3f}" for each in last.recalls]
            lines.append([suite, direction, "chance", str(last.num_queries), str(last.num_items), *chance, ""])
            lines += [_line(suite, name, one) for name, one in told.items()]
    return lines


def _line(suite: str, system: str, one: Measured) -> list[str]:
    recalls = [f"{each.value:.3f} ({each.low:.2f}-{each.high:.2f})" for each in one.recalls]
    counts = [str(one.num_queries), str(one.num_items)]
    return [suite, one.direction, system, *counts, *recalls, f"{one.median_rank:g}"]


def _texts(embedder: Embedder) -> Side:
    """What was never learned to be said of each concept."""
    told = [(concept.key, text) for concept in CONCEPTS for text in captions(concept, learned=False)]
    return Side(vectors=embedder.embed([text for _, text in told]), concepts=tuple(key for key, _ in told))


def _of(side: Side, *, concepts: frozenset[str]) -> Side:
    kept = [place for place, concept in enumerate(side.concepts) if concept in concepts]
    return Side(vectors=side.vectors[kept], concepts=tuple(side.concepts[place] for place in kept))


def main() -> int:
    """Measure, and print one table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="nano-full", help="a space with towers for recordings and tables")
    parser.add_argument("--recordings", type=int, default=48, help="of each kind, for the head that is learned here")
    parser.add_argument("--judged", type=int, default=10, help="recordings of each kind to judge by")
    parser.add_argument("--seed", type=int, default=0, help="of recordings, rows and the bootstrap")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    embedder = commonspace.load(arguments.space)
    suites = recordings(embedder, arguments) | {"rows of real tables": directions(embedder, seed=arguments.seed)}
    if arguments.json:
        told = {
            suite: {name: [asdict(one) for one in all_of] for name, all_of in by.items()}
            for suite, by in suites.items()
        }
        print(json.dumps({"seed": arguments.seed, "suites": told}, indent=2))
    else:
        shown = Table(*HEADER)
        for line in table(suites):
            shown.add_row(*line)
        Console(width=200).print(shown)
    if arguments.write:
        write_table("sensors", as_table(HEADER, table(suites)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
