"""What the finished space is calibrated with: its own vectors of the valid split, and a bank of typical queries."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from commonspace.core.item import Audio
from commonspace.encode.embedder import Embedder
from recipes.corpus.record import Record
from recipes.nano.heads.rows import Row, to_pairs

__all__ = ["write_answers", "write_bank"]

ITEMS_A_CALL = 64
BANK_QUERIES = 600


def write_answers(
    records: Sequence[Record], sounds: dict[str, Audio], media: Path, embedder: Embedder, folder: Path
) -> None:
    """Save rows of the space's vectors: each valid thing, and what it is called and explained as."""
    valid = [record for record in records if record.split == "valid" and record.captions]
    items = {record.key: sounds.get(record.key, media / f"{record.key}.jpg") for record in valid}
    known = [record for record in valid if record.modality == "image" or record.key in sounds]
    rows = []
    for first in range(0, len(known), ITEMS_A_CALL):
        some = known[first : first + ITEMS_A_CALL]
        vectors = embedder.embed([items[record.key] for record in some])
        for record, vector in zip(some, vectors, strict=True):
            texts = embedder.embed([*record.captions[:2], *record.glosses[:1]])
            views = {record.modality: vector[None], "text": texts}
            rows.append(Row(key=record.key, concept=record.concept, split="valid", views=views))
    to_pairs(rows).save(folder)


def write_bank(records: Sequence[Record], path: Path, *, seed: int) -> None:
    """Write titles of training pictures and sounds, as many of each, one a line: what people may well ask."""
    dice = np.random.default_rng((seed, 0xBA2C))
    chosen: list[str] = []
    for modality in ("image", "audio"):
        own = (record for record in records if record.modality == modality and record.split == "train")
        titles = sorted({record.captions[0] for record in own if record.captions})
        chosen += dice.permutation(titles)[: BANK_QUERIES // 2].tolist()
    path.write_text("\n".join(chosen) + "\n", encoding="utf-8")
