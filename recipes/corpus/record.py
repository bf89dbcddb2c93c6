"""One picture or sound of the corpus: where it came from, what it is called, on which side of the split it lies.

The index is a gzipped table of records, sorted by key. It names the media by hash and never holds them.
"""

import csv
import gzip
import io
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import final

__all__ = ["CAPTION_BREAK", "NO_SPLIT", "POOL", "SPLITS", "UNDECIDED", "Record", "merge", "read_index", "write_index"]

SPLITS = ("train", "valid", "test")
NO_SPLIT = "none"
"""Held out by the labelled set, too near to something held out, or naming a test concept: used for nothing."""
POOL = "pool"
"""Without words: for distillation only."""
UNDECIDED = ""
CAPTION_BREAK = " | "


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One item.

    Invariants: ``key`` is the first 16 hex digits of ``sha256``, which is of the file's bytes as the package has them
    (of the drawing's text where a package holds many drawings in one file). ``captions[0]`` is the title; glosses lie
    apart in ``glosses``. ``perceptual`` is 16 hex digits for a picture and whatever the sounds' recipe says for a
    sound. ``split`` is one of train, valid, test, none, pool, or empty while undecided.
    """

    key: str
    modality: str
    package: str
    version: str
    path: str
    licence: str
    concept: str
    split: str = UNDECIDED
    sha256: str
    perceptual: str = ""
    captions: tuple[str, ...] = ()
    glosses: tuple[str, ...] = ()

    def with_split(self, split: str) -> "Record":
        """Return the same record on another side."""
        return replace(self, split=split)


COLUMNS = tuple(field.name for field in fields(Record) if field.name != "glosses")
"""Glosses follow from the captions and WordNet, so the index leaves them out."""


def merge(records: Iterable[Record]) -> tuple[Record, ...]:
    """Sort by key; of records with the same bytes keep the first, with the captions of all.

    A split that was decided before ("none", "pool") is kept: none before pool before undecided.
    """
    found: dict[str, Record] = {}
    for record in records:
        first = found.get(record.key)
        if first is None:
            found[record.key] = record
            continue
        captions = tuple(dict.fromkeys(first.captions + record.captions))
        glosses = first.glosses or record.glosses
        splits = {first.split, record.split}
        split = NO_SPLIT if NO_SPLIT in splits else UNDECIDED if captions else POOL
        concept = first.concept or record.concept
        found[record.key] = replace(first, captions=captions, glosses=glosses, split=split, concept=concept)
    return tuple(found[key] for key in sorted(found))


def write_index(path: Path, records: Iterable[Record]) -> None:
    """Write the table, less the glosses; the same records give the same bytes."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
    writer.writerow(COLUMNS)
    for record in sorted(records, key=lambda item: item.key):
        writer.writerow([_cell(record, name) for name in COLUMNS])
    path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))


def read_index(path: Path) -> tuple[Record, ...]:
    """Read what ``write_index`` wrote; glosses are empty.

    Raises:
        ValueError: the table's columns are not these.
    """
    rows = csv.reader(io.StringIO(gzip.decompress(path.read_bytes()).decode()), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = tuple(next(rows))
    if header != COLUMNS:
        raise ValueError(f"{path} has columns {header}, not {COLUMNS}; build it again with `make corpus`")
    return tuple(_record(row) for row in rows)


def _cell(record: Record, name: str) -> str:
    value = getattr(record, name)
    text = CAPTION_BREAK.join(value) if isinstance(value, tuple) else str(value)
    return " ".join(text.split())


def _record(row: list[str]) -> Record:
    texts = dict(zip(COLUMNS, row, strict=True))
    captions = tuple(part for part in texts.pop("captions").split(CAPTION_BREAK) if part)
    return Record(captions=captions, glosses=(), **texts)
