"""Product search end to end: does a photo with words, or a filter, find what words alone and a photo alone do not?

    python -m benchmarks.products [--space nano] [--queries 120] [--seed 0] [--json] [--write]

A catalogue of more than 1,000 products is drawn: free pictures of 28 kinds of thing (``tests/data/labelled``), each in
nine colours, as it is and mirrored. A product is a text (its title; every other one names its colour) with its picture
inside, and attributes: kind, colour, brand, price. Everything goes through a store and ``Collection.search``, hits
grouped by product. A query of a photo is a product's own picture, which is no answer to it. Rivals answer the same
queries in the same run.
"""

import argparse
import csv
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from rich.console import Console
from rich.table import Table

import commonspace
from benchmarks.page import as_table, write_table
from benchmarks.retrieval import LABELLED
from commonspace.apps.collection import Collection
from commonspace.core.item import Metadata
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.embedder import Embedder
from commonspace.evaluate.metrics import bootstrap_interval
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id
from commonspace.index.store import Store
from commonspace.retrieve.query import Query
from commonspace.retrieve.ranking import Options

KINDS: Final = """
aeroplane bell bicycle bulb bus camera car chair computer cup drum guitar hammer harp helicopter house motorcycle piano
saw saxophone scissors ship telephone train trumpet truck umbrella violin
"""
COLOURS: Final[Mapping[str, tuple[int, int, int]]] = {
    "red": (200, 20, 30),
    "blue": (30, 70, 200),
    "green": (30, 150, 50),
    "yellow": (240, 200, 20),
    "purple": (130, 40, 160),
    "orange": (240, 120, 20),
    "black": (25, 25, 25),
    "brown": (120, 75, 35),
    "pink": (245, 130, 180),
}
BRANDS: Final = ("Norvik", "Alder", "Tamsin", "Quill", "Harrow")
CUTOFF: Final = 10
MIDDLE_PRICE: Final = 100
HEADER: Final = ("asked with", "answered by", "queries", "success@10", "gain (95%)", "precision@10")
EXPLANATION: Final = """Success@10: the share of queries with a wanted product among the first ten; precision@10: the
share of the first ten that are wanted. The gain is in success, over the line marked with a dash,
query by query, with its bootstrap 95% interval. Wanted is the kind of the query in the colour asked for; for "not its
colour" the kind in any other colour; with a price, only what costs less."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One thing of the catalogue: its picture's file and look, and what is known of it."""

    number: int
    kind: str
    colour: str
    file: str
    mirrored: bool
    brand: str
    price: int

    @property
    def uri(self) -> str:
        """Its text's uri; its picture's has ``#picture`` behind it."""
        return f"upload:product-{self.number:04}"

    @property
    def text(self) -> str:
        """What the shop says of it."""
        colour = f" in {self.colour}" if self.number % 2 else ""
        return f"{self.brand} {self.kind}{colour}. Ships in two days."

    @property
    def metadata(self) -> Metadata:
        """Its attributes, for filters."""
        return {"kind": self.kind, "colour": self.colour, "brand": self.brand, "price": self.price}

    def picture(self) -> Image.Image:
        """Its picture, in its colour."""
        grey = ImageOps.autocontrast(Image.open(LABELLED / self.file).convert("L"))
        colour = COLOURS[self.colour]
        dark = (colour[0] // 4, colour[1] // 4, colour[2] // 4)
        tinted = ImageOps.colorize(grey, black=dark, mid=colour, white="white", midpoint=110)
        return ImageOps.mirror(tinted).crop((6, 6, tinted.width - 6, tinted.height - 6)) if self.mirrored else tinted


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One query: the product whose photo is at hand, the colour asked for, and which products are wanted."""

    photo: Product
    colour: str
    wanted: frozenset[str]


Answering = Callable[[Task], tuple[object, Options]]
"""How a system asks: its query, and its options."""


def catalogue(seed: int) -> list[Product]:
    """Every picture of the kinds in every colour, as it is and mirrored; the same for the same seed."""
    draw = np.random.default_rng(seed)
    with (LABELLED / "labels.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["modality"] == "image"]
    looks = [
        (row["concept"], colour, row["file"], mirrored)
        for row in rows
        if row["concept"] in KINDS.split()
        for colour in COLOURS
        for mirrored in (False, True)
    ]
    return [
        Product(
            number=number,
            kind=kind,
            colour=colour,
            file=file,
            mirrored=mirrored,
            brand=str(draw.choice(BRANDS)),
            price=int(draw.integers(5, 200)),
        )
        for number, (kind, colour, file, mirrored) in enumerate(looks)
    ]


def entries(products: Sequence[Product], embedder: Embedder) -> list[Entry]:
    """A text with its picture inside, for every product."""
    texts = embedder.embed([product.text for product in products])
    pictures = embedder.embed([product.picture() for product in products])
    made = []
    for product, text, picture in zip(products, texts, pictures, strict=True):
        parent = _entry(product, product.uri, Modality.TEXT, text[None])
        child = _entry(product, f"{product.uri}#picture", Modality.IMAGE, picture[None])
        made += [parent, replace(child, item=replace(child.item, parent=parent.item.id))]
    return made


def _entry(product: Product, uri: str, modality: Modality, vectors: Vectors) -> Entry:
    is_text = modality is Modality.TEXT
    item = StoredItem(
        id=item_id(uri),
        uri=uri,
        name=f"{product.brand} {product.kind}" if is_text else f"{product.number:04}.jpg",
        modality=modality,
        media_type="text/plain" if is_text else "image/jpeg",
        content_hash=uri,
        num_bytes=1,
        metadata=product.metadata,
    )
    return Entry(
        item=item,
        segments=(StoredSegment(modality=modality, text=product.text if is_text else None),),
        vectors=vectors,
    )


def tasks(products: Sequence[Product], count: int, wanted: Callable[[Product, str, Product], bool]) -> list[Task]:
    """Photos of products, each with a colour that is not its own; what is wanted is never the photo's product."""
    draw = np.random.default_rng(len(products))
    made = []
    for place in draw.permutation(len(products))[:count]:
        photo = products[place]
        colour = str(draw.choice([each for each in COLOURS if each != photo.colour]))
        right = frozenset(each.uri for each in products if each is not photo and wanted(photo, colour, each))
        made.append(Task(photo=photo, colour=colour, wanted=right))
    return [task for task in made if task.wanted]


def photo(task: Task) -> Query:
    """The photo at hand, which is in the store."""
    return Query.like(item_id(f"{task.photo.uri}#picture"))


def kinds(products: Sequence[Product], count: int) -> dict[str, tuple[list[Task], dict[str, Answering]]]:
    """Every kind of query with the ways to answer it; the first is the one that gains are over."""
    recoloured = tasks(products, count, lambda own, colour, each: (each.kind, each.colour) == (own.kind, colour))
    other = tasks(products, count, lambda own, _, each: each.kind == own.kind and each.colour != own.colour)
    cheap = tasks(products, count, _is_cheap_and_recoloured)
    named: dict[str, Answering] = {
        "vectors": lambda task: (f"a {task.colour} {task.photo.kind}", {"keywords": False}),
        "vectors and words": lambda task: (f"a {task.colour} {task.photo.kind}", {}),
    }
    coloured: dict[str, Answering] = {
        "the photo alone": lambda task: (photo(task), {}),
        "the word alone": lambda task: (task.colour, {}),
        "both, vectors only": lambda task: (photo(task) + 0.5 * Query(task.colour), {"keywords": False}),
        "both": lambda task: (photo(task) + 0.5 * Query(task.colour), {}),
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


def _is_cheap_and_recoloured(own: Product, colour: str, each: Product) -> bool:
    return (each.kind, each.colour) == (own.kind, colour) and each.price < MIDDLE_PRICE


def _fits(task: Task) -> str:
    return f'colour = "{task.colour}" and price < {MIDDLE_PRICE}'


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
            chosen = kinds(products, arguments.queries)
            rows = [row for asked, each in chosen.items() for row in measure(collection, asked, each)]
    if arguments.json:
        print(json.dumps([dict(zip(HEADER, row, strict=True)) for row in rows], indent=2))
    else:
        table = Table(title=f"{len(products)} products")
        for name in HEADER:
            table.add_column(name)
        for row in rows:
            table.add_row(*row)
        Console(width=140).print(table)
    if arguments.write:
        note = f"Space `{arguments.space}`, {len(products)} products, seed {arguments.seed}. {EXPLANATION}"
        write_table("products", f"{as_table(HEADER, rows)}\n{note}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
