"""Write what the heads learn from and are probed with: folders of saved pairs, made once the towers have been read."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from recipes.corpus.record import Record
from recipes.nano.gated import Scaling
from recipes.nano.heads.pictures import picture_rows, replay_rows
from recipes.nano.heads.readings import read_pictures
from recipes.nano.heads.replay import Classifier
from recipes.nano.heads.rows import Row, to_pairs
from recipes.nano.heads.sounds import Ears, recording_rows, scene_rows

__all__ = ["Embed", "Places", "embed_words", "write_lessons", "write_photographs"]

TEXTS_A_CALL = 512

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit rows."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where pictures and their graph lie, and where rows go."""

    media: Path
    reader: Path
    work: Path

    @property
    def pairs(self) -> Path:
        """The rows to learn from."""
        return self.work / "pairs"

    @property
    def scaling(self) -> Path:
        """How pictures' features were standardised."""
        return self.work / "image-scaling.safetensors"

    @property
    def sound_scaling(self) -> Path:
        """How sounds' features were standardised."""
        return self.work / "sound-scaling.safetensors"


def embed_words(embed: Embed, records: Iterable[Record], cache: Path) -> dict[str, NDArray[np.float32]]:
    """Every caption's vector; those that ``cache`` holds are not computed again."""
    captions = sorted({caption for record in records for caption in record.captions})
    known: dict[str, NDArray[np.float32]] = {}
    if cache.exists():
        with np.load(cache) as held:
            known = dict(zip(held["texts"].tolist(), held["vectors"], strict=True))
    missing = sorted((text for text in captions if text not in known), key=len)
    for first in range(0, len(missing), TEXTS_A_CALL):
        texts = missing[first : first + TEXTS_A_CALL]
        known |= dict(zip(texts, embed(texts), strict=True))
    if missing:
        np.savez(cache, texts=np.array(list(known)), vectors=np.stack(list(known.values())))
    return {caption: known[caption] for caption in captions}


def write_lessons(
    records: Sequence[Record],
    places: Places,
    classifier: Classifier,
    ears: tuple[Ears, Mapping[int, Record]],
    embed: Embed,
) -> None:
    """Write the rows of pictures, sounds, photographs to keep and scenes; concepts that both know meet in both."""
    words = embed_words(embed, records, places.work / "words.npz")
    pictures = [record for record in records if record.modality == "image"]
    kept = {record.key: places.media / f"{record.key}.jpg" for record in pictures if record.split not in {"none", ""}}
    readings = read_pictures(places.reader, kept, places.work / "pictures")
    rows, scaling = picture_rows(pictures, readings, words)
    scaling.write(places.scaling)
    rows += replay_rows(pictures, places.media, places.reader, places.work, (classifier, scaling))
    heard, by_key = ears
    rows += recording_rows(by_key, heard, words)
    rows += scene_rows(by_key, heard)
    to_pairs(rows).save(places.pairs)


def write_photographs(probes: Path, places: Places, embed: Embed, folder: Path) -> None:
    """Write the photographs of ``photos.tsv`` as a probe: one row each, never learned from."""
    with (probes / "photos.tsv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    paths = {f"photo-{number}": probes / "photos" / line["file"] for number, line in enumerate(lines)}
    readings = read_pictures(places.reader, paths, places.work / "photograph-readings").take(list(paths))
    standard = Scaling.read(places.scaling)(readings.features.astype(np.float32))
    texts = embed([line["caption"] for line in lines])
    rows = [
        Row(
            key=key,
            concept=key,
            split="test",
            views={
                "image": standard[place : place + 1],
                "image_base": readings.base[place : place + 1],
                "text": texts[place : place + 1],
            },
        )
        for place, key in enumerate(paths)
    ]
    to_pairs(rows).save(folder)
