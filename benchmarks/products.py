"""Product search end to end: does a photo with words, or a filter, find what words alone and a photo alone do not?

    python -m benchmarks.products [--space nano] [--queries 120] [--seed 0] [--json] [--write]

A catalogue of more than 1,000 products is drawn: free pictures of 28 kinds of thing (``tests/data/labelled``), each in
nine colours, as it is and mirrored. A product is a text (its title; every other one names its colour) with its picture
inside, and attributes: kind, colour, brand, price. Everything goes through a store and ``Collection.search``, hits
grouped by product. A query of a photo is a product's own picture, which is no answer to it. Rivals answer the same
queries in the same run. Whatever weight there is to choose is chosen by queries for half of the kinds (the half of
``benchmarks/choosing.py``, which chose the weight of words); every figure is of queries for the others.
"""

import argparse
import csv
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import commonspace
from benchmarks.choosing import choice_half
from benchmarks.page import as_table, write_table
from benchmarks.product_catalogue import COLOURS, Product, catalogue, entries
from benchmarks.retrieval import LABELLED
from commonspace.apps.collection import Collection
from commonspace.evaluate.metrics import bootstrap_interval
from commonspace.index.records import item_id
from commonspace.index.store import Store
from commonspace.retrieve.query import Query
from commonspace.retrieve.ranking import Options

CUTOFF: Final = 10
MIDDLE_PRICE: Final = 100
COLOUR_WEIGHTS: Final = (0.25, 0.5, 0.75, 1.0, 1.5)
HEADER: Final = ("asked with", "answered by", "queries", "success@10", "gain (95%)", "precision@10")
EXPLANATION: Final = """Success@10: the share of queries with a wanted product among the first ten; precision@10: the
share of the first ten that are wanted. The gain is in success, over the line marked with a dash,
query by query, with its bootstrap 95% interval. Wanted is the kind of the query in the colour asked for; for "not its
colour" the kind in any other colour; with a price, only what costs less."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One query: the product whose photo is at hand, the colour asked for, and which products are wanted."""

    photo: Product
    colour: str
    wanted: frozenset[str]


Answering = Callable[[Task], tuple[object, Options]]
"""How a system asks: its query, and its options."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """The catalogue, and the kinds that queries are of: some choose weights, the others report."""

    products: Sequence[Product]
    kinds: frozenset[str]
    count: int


def tasks(half: Half, wanted: Callable[[Product, str, Product], bool]) -> list[Task]:
    """Photos of products, each with a colour that is not its own; what is wanted is never the photo's product."""
    products, made = half.products, []
    draw = np.random.default_rng(len(products))
    asked = [place for place in draw.permutation(len(products)) if products[place].kind in half.kinds]
    for place in asked[: half.count]:
        photo = products[place]
        colour = str(draw.choice([each for each in COLOURS if each != photo.colour]))
        right = frozenset(each.uri for each in products if each is not photo and wanted(photo, colour, each))
        made.append(Task(photo=photo, colour=colour, wanted=right))
    return [task for task in made if task.wanted]


def photo(task: Task) -> Query:
    """The photo at hand, which is in the store."""
    return Query.like(item_id(f"{task.photo.uri}#picture"))


def with_colour(weight: float) -> Answering:
    """A photo, and a colour at some weight beside it."""
    return lambda task: (photo(task) + weight * Query(task.colour), {})


def chosen_weight(collection: Collection, half: Half) -> float:
    """The weight of a colour beside a photo that puts most wanted products among the first ten, by this half."""
    given = tasks(half, _is_recoloured)
    shares = {
        weight: np.mean([_share(collection, task, with_colour(weight)) for task in given]) for weight in COLOUR_WEIGHTS
    }
    return max(shares, key=lambda weight: float(shares[weight]))


def kinds(half: Half, weight: float) -> dict[str, tuple[list[Task], dict[str, Answering]]]:
    """Every kind of query with the ways to answer it; the first is the one that gains are over."""
    recoloured = tasks(half, _is_recoloured)
    other = tasks(half, lambda own, _, each: each.kind == own.kind and each.colour != own.colour)
    cheap = tasks(half, _is_cheap_and_recoloured)
    named: dict[str, Answering] = {
        "vectors": lambda task: (f"a {task.colour} {task.photo.kind}", {"keywords": False}),
        "vectors and words": lambda task: (f"a {task.colour} {task.photo.kind}", {}),
    }
    coloured: dict[str, Answering] = {
        "the photo alone": lambda task: (photo(task), {}),
        "the word alone": lambda task: (task.colour, {}),
        "both, vectors only": lambda task: (with_colour(weight)(task)[0], {"keywords": False}),
        "both": with_colour(weight),
    }
    less: dict[str, Answering] = {
        "the photo alone": lambda task: (photo(task), {}),
        "minus the word": lambda task: (photo(task) - task.photo.colour, {}),
    }
    filtered: dict[str, Answering] = {
        "the photo alone": lambda task: (photo(task), {}),
        "the words alone": lambda task: (f"cheap {task.colour}", {}),
        "the photo, filtered": lambda task: (photo(task), {"where": _fits(task)}),
    }
    return {
        "words": (recoloured, named),
        "a photo and a colour": (recoloured, coloured),
        "a photo, not its colour": (other, less),
        "a photo, a colour, a price": (cheap, filtered),
    }


def _is_recoloured(own: Product, colour: str, each: Product) -> bool:
    return (each.kind, each.colour) == (own.kind, colour)


def _is_cheap_and_recoloured(own: Product, colour: str, each: Product) -> bool:
    return _is_recoloured(own, colour, each) and each.price < MIDDLE_PRICE


def _fits(task: Task) -> str:
    return f'colour = "{task.colour}" and price < {MIDDLE_PRICE}'


def halves_of(products: Sequence[Product], count: int) -> tuple[Half, Half]:
    """The kinds that choose, and those that report: the concepts of the labelled set are split as a whole."""
    with (LABELLED / "labels.tsv").open(encoding="utf-8", newline="") as file:
        chooses = choice_half([row["concept"] for row in csv.DictReader(file, delimiter="\t")])
    every = frozenset(product.kind for product in products)
    first, second = (Half(products=products, kinds=each, count=count) for each in (every & chooses, every - chooses))
    return first, second


def measure(collection: Collection, asked: str, chosen: tuple[list[Task], dict[str, Answering]]) -> list[list[str]]:
    """Answer one kind of query in every way: a line of the table each."""
    given, systems = chosen
    lines: list[list[str]] = []
    rival: NDArray[np.float64] | None = None
    for system, answering in systems.items():
        shares = np.array([_share(collection, task, answering) for task in given])
        found = (shares > 0.0).astype(np.float64)
        success, gained = bootstrap_interval(found, seed=0), "-"
        if rival is not None:
            gain = bootstrap_interval(found - rival, seed=0)
            gained = f"{float((found - rival).mean()):+.3f} ({gain.low:+.2f} to {gain.high:+.2f})"
        told = f"{float(found.mean()):.3f} ({success.low:.2f}-{success.high:.2f})"
        lines.append([asked, system, str(len(given)), told, gained, f"{float(shares.mean()):.3f}"])
        rival = found if rival is None else rival
    return lines


def _share(collection: Collection, task: Task, answering: Answering) -> float:
    query, options = answering(task)
    options = {"k": CUTOFF + 1, "group": "parent", **options}
    hits = collection.search(query, **options)
    others = [hit for hit in hits if hit.uri != task.photo.uri][:CUTOFF]
    return sum(hit.uri in task.wanted for hit in others) / CUTOFF


def main() -> int:
    """Draw, fill, ask, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="nano", help="the space to measure")
    parser.add_argument("--queries", type=int, default=120, help="queries of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of brands and prices")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    embedder, products = commonspace.load(arguments.space), catalogue(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "products.cs"
        with Store.create(path, embedder.space) as store:
            store.put(entries(products, embedder))
        with commonspace.open(path, embedder=lambda: embedder) as collection:
            choosing, reporting = halves_of(products, arguments.queries)
            weight = chosen_weight(collection, choosing)
            chosen = kinds(reporting, weight)
            rows = [row for asked, each in chosen.items() for row in measure(collection, asked, each)]
    told = f"A colour beside a photo weighs {weight:g}, chosen by queries for {len(choosing.kinds)} kinds; "
    told += f"all queries are for the other {len(reporting.kinds)}."
    if arguments.json:
        lines = [dict(zip(HEADER, row, strict=True)) for row in rows]
        print(json.dumps({"about": told, "rows": lines}, indent=2))
    else:
        table = Table(title=f"{len(products)} products")
        for name in HEADER:
            table.add_column(name)
        for row in rows:
            table.add_row(*row)
        Console(width=140).print(table)
    if arguments.write:
        note = f"Space `{arguments.space}`, {len(products)} products, seed {arguments.seed}. {told} {EXPLANATION}"
        write_table("products", f"{as_table(HEADER, rows)}\n{note}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
