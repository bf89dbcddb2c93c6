"""Keep what is held out away from what is trained on: labelled files, probes, and near-duplicates across splits.

Pictures are compared by perceptual hash. Between two sides the less guarded one gives way: a training picture near a
test or valid picture, and a valid picture near a test picture, go to none.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recipes.corpus.hashes import from_hex, near_pairs, perceptual_hash, to_hex
from recipes.corpus.record import NO_SPLIT, Record

__all__ = ["Leaks", "folder_hashes", "part_splits", "set_aside"]

_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """The records after a check, and how many it moved, by reason."""

    records: tuple[Record, ...]
    moved: Counter[str] = field(default_factory=Counter)


def folder_hashes(folder: Path) -> tuple[str, ...]:
    """The perceptual hashes of every picture under ``folder``, in the order of their paths."""
    hashes = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _PICTURES:
            with Image.open(path) as image:
                hashes.append(to_hex(perceptual_hash(image.convert("RGB"))))
    return tuple(hashes)


def set_aside(records: Sequence[Record], hashes: Sequence[str], *, reason: str, most_bits: int) -> Leaks:
    """Move every picture to none that differs from one of ``hashes`` in ``most_bits`` bits at most."""
    places = [place for place, record in enumerate(records) if record.modality == "image" and record.perceptual]
    ours = from_hex([records[place].perceptual for place in places])
    near = {places[i] for i, _ in near_pairs(ours, from_hex(list(hashes)), most_bits=most_bits)}
    return _move(records, near, reason)


def part_splits(records: Sequence[Record], *, most_bits: int) -> Leaks:
    """Part near-duplicate pictures that ended on different sides; the counts are by pair of sides."""
    moved: Counter[str] = Counter()
    current = tuple(records)
    for guarded, others in (("test", ("valid", "train", "pool")), ("valid", ("train", "pool"))):
        there = _places(current, {guarded})
        here = _places(current, set(others))
        pairs = near_pairs(_bits(current, there), _bits(current, here), most_bits=most_bits)
        lost = {here[j] for _, j in pairs}
        for place in lost:
            moved[f"{current[place].split} near {guarded}"] += 1
        current = _move(current, lost, "").records
    return Leaks(records=current, moved=moved)


def _places(records: Sequence[Record], splits: Collection[str]) -> list[int]:
    return [
        i for i, item in enumerate(records) if item.split in splits and item.modality == "image" and item.perceptual
    ]


def _bits(records: Sequence[Record], places: Sequence[int]) -> NDArray[np.uint64]:
    return from_hex([records[place].perceptual for place in places])


def _move(records: Sequence[Record], places: Collection[int], reason: str) -> Leaks:
    chosen = frozenset(places)
    after = tuple(item.with_split(NO_SPLIT) if i in chosen else item for i, item in enumerate(records))
    changed = sum(records[i].split != NO_SPLIT for i in chosen)
    return Leaks(records=after, moved=Counter({reason: changed}) if changed else Counter())
