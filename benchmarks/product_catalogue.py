"""A catalogue of products drawn from free pictures: each kind of thing in nine colours, as it is and mirrored."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
from PIL import Image, ImageOps

from benchmarks.retrieval import LABELLED
from commonspace.core.item import Metadata
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.encode.embedder import Embedder
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id

__all__ = ["COLOURS", "Product", "catalogue", "entries"]

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
