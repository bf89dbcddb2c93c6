"""The pictures' rows: those of the corpus with their words, and photographs that must stay where they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipes.corpus.record import POOL, SPLITS, Record
from recipes.nano.gated import Scaling
from recipes.nano.heads.readings import Readings, read_pictures
from recipes.nano.heads.replay import Classifier, cut_photographs, made_up
from recipes.nano.heads.rows import Row

__all__ = ["PHOTOGRAPHS", "picture_rows", "replay_rows"]

PHOTOGRAPHS = frozenset({
    "gcompris-qt-data", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds", "pysiogame",
    "python3-skimage", "scratch",
})  # fmt: skip
"""Packages whose pictures are mostly photographs."""
MADE_UP = 4_000

Words = Mapping[str, NDArray[np.float32]]


def picture_rows(records: Sequence[Record], readings: Readings, words: Words) -> tuple[list[Row], Scaling]:
    """A row a picture that has words and a side; the scaling is that of the training pictures."""
    told = [record for record in records if record.split in SPLITS and record.captions]
    told = _once(told, readings.take([record.key for record in told]))
    read = readings.take([record.key for record in told])
    train = np.array([record.split == "train" for record in told])
    scaling = Scaling.of(read.features[train].astype(np.float32))
    rows = []
    for place, record in enumerate(told):
        captions = record.captions if record.split == "train" else record.captions[:1]
        views = {
            "image": scaling(read.features[place : place + 1].astype(np.float32)),
            "image_base": read.base[place : place + 1],
            "text": np.stack([words[caption] for caption in captions]),
        }
        rows.append(Row(key=record.key, concept=record.concept, split=record.split, views=views))
    return rows, scaling


def _once(records: Sequence[Record], readings: Readings) -> list[Record]:
    """Leave out of training what reads exactly as something held out: other bytes, the same pixels."""
    prints = [row.tobytes() for row in readings.features]
    held = {print_ for print_, record in zip(prints, records, strict=True) if record.split != "train"}
    tests = {print_ for print_, record in zip(prints, records, strict=True) if record.split == "test"}
    barred = {"train": held, "valid": tests, "test": set[bytes]()}
    return [record for print_, record in zip(prints, records, strict=True) if print_ not in barred[record.split]]


def replay_rows(
    records: Sequence[Record], media: Path, reader: Path, work: Path, rule: tuple[Classifier, Scaling]
) -> list[Row]:
    """Rows without words, whose vectors a head must keep: crops of photographs that may train, and made-up readings."""
    classifier, scaling = rule
    usable = {record.key for record in records if record.package in PHOTOGRAPHS and record.split in {"train", POOL}}
    photographs = {key: media / f"{key}.jpg" for key in sorted(usable)}
    crops = cut_photographs(photographs, work / "crops", seed=0)
    real = read_pictures(reader, crops, work / "crop-readings")
    replayed = Readings.join([real, made_up(real, classifier, number=MADE_UP, seed=0)])
    return [
        Row(
            key=f"replay-{key}",
            concept=f"replay-{key}",
            split="train",
            views={
                "image": scaling(replayed.features[place : place + 1].astype(np.float32)),
                "image_base": replayed.base[place : place + 1],
                "image_kept": replayed.base[place : place + 1],
            },
        )
        for place, key in enumerate(replayed.keys)
    ]
