"""Read the sounds' table, so that its recordings are split together with the pictures."""

import csv
from pathlib import Path

from recipes.corpus.record import CAPTION_BREAK, SPLITS, UNDECIDED, Record

__all__ = ["read_sounds"]

_TEXTS = ("key", "package", "version", "path", "licence", "concept", "sha256")


def read_sounds(path: Path) -> tuple[Record, ...]:
    """The table's records; what is in none or pool stays there, every other side is undecided again."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(_record(row) for row in rows)


def _record(row: dict[str, str]) -> Record:
    captions, glosses = (tuple(filter(None, row[name].split(CAPTION_BREAK))) for name in ("captions", "glosses"))
    return Record(
        **{name: row[name] for name in _TEXTS},
        modality="audio",
        split=UNDECIDED if row["split"] in SPLITS else row["split"],
        perceptual=row["print"],
        captions=captions,
        glosses=glosses,
    )
