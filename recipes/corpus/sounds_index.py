"""The sounds' half of the corpus: recordings joined with what they sound like, their prints and where samples lie.

Splits are made elsewhere, with the pictures; here only what must never be used is set aside: what the labelled set
holds out, and near copies of it.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from recipes.corpus.hashes import from_hex, near_pairs
from recipes.corpus.licences import licence_of
from recipes.corpus.record import NO_SPLIT, POOL, UNDECIDED, Record
from recipes.corpus.sounds import CAPTION_BREAK, Heard, SoundTables
from recipes.corpus.sounds_print import fingerprint
from recipes.corpus.sounds_speech import transcript
from recipes.corpus.wordnet import WordNet
from recipes.corpus.words import Words, describe
from recipes.nano.audio.corpus import Decoded, HeldOut, Recording

__all__ = ["COLUMNS", "Sound", "index_package", "index_sounds", "set_copies_aside", "write_sounds"]

COPY_BITS = 6
"""Prints that differ in so few of their 64 bits are taken for the same recording; by chance 1 pair in 10^10 is."""
COLUMNS = (
    "key", "package", "version", "path", "licence", "concept", "captions", "glosses", "split", "transcript",
    "sha256", "blake3", "print", "start", "length",
)  # fmt: skip


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A record of the corpus, and where its samples lie in its package's cache (16 kHz mono)."""

    record: Record
    blake3: str
    start: int
    length: int
    transcript: str = ""


def index_sounds(packages: Sequence[Decoded], wordnet: WordNet, held_out: HeldOut) -> list[Sound]:
    """Every recording of every package, the first of equal bytes, near copies set aside."""
    tables = SoundTables.read(Path(__file__).parent)
    found: dict[str, Sound] = {}
    for decoded in packages:
        for sound in index_package(decoded, tables, held_out, wordnet):
            found.setdefault(sound.blake3, sound)
    return set_copies_aside(list(found.values()))


def index_package(decoded: Decoded, tables: SoundTables, held_out: HeldOut, wordnet: WordNet) -> list[Sound]:
    """Every recording of the package; those whose names tell nothing are in the pool, held-out ones nowhere."""

    def about(recording: Recording) -> Record:
        heard = tables.hear(recording.package, recording.path)
        record = _record(decoded, recording, decoded.samples[recording.start : recording.start + recording.length])
        return record if heard is None else _named(record, heard, wordnet)

    return [
        Sound(
            record=replace(record, split=NO_SPLIT) if recording in held_out else record,
            blake3=recording.blake3,
            start=recording.start,
            length=recording.length,
            transcript=transcript(recording.package, recording.path),
        )
        for recording, record in ((recording, about(recording)) for recording in decoded.recordings)
    ]


def set_copies_aside(sounds: Sequence[Sound]) -> list[Sound]:
    """Withdraw near copies of held-out recordings, and all but the first of near copies with different concepts."""
    prints = from_hex([sound.record.perceptual for sound in sounds])
    withdrawn: set[int] = set()
    for first, second in near_pairs(prints, prints, most_bits=COPY_BITS):
        if first >= second:
            continue
        one, other = sounds[first].record, sounds[second].record
        if _is_flat(one.perceptual) or not _alike_in_length(sounds[first], sounds[second]):
            continue
        if NO_SPLIT in {one.split, other.split}:
            withdrawn |= {first, second}
        elif one.concept != other.concept and first not in withdrawn:
            withdrawn.add(second)
    return [
        replace(sound, record=sound.record.with_split(NO_SPLIT)) if place in withdrawn else sound
        for place, sound in enumerate(sounds)
    ]


def write_sounds(path: Path, sounds: Iterable[Sound]) -> None:
    """Write a table, one line a recording, in the order given."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
        writer.writerow(COLUMNS)
        writer.writerows([_row(sound) for sound in sounds])


def _row(sound: Sound) -> list[str]:
    record = sound.record
    texts = [
        record.key, record.package, record.version, record.path, record.licence, record.concept,
        CAPTION_BREAK.join(record.captions), CAPTION_BREAK.join(record.glosses), record.split, sound.transcript,
        record.sha256, sound.blake3, record.perceptual, str(sound.start), str(sound.length),
    ]  # fmt: skip
    return [" ".join(text.split()) for text in texts]


def _record(decoded: Decoded, recording: Recording, samples: NDArray[np.int16]) -> Record:
    return Record(
        key=recording.sha256[:16],
        modality="audio",
        package=recording.package,
        version=decoded.version,
        path=recording.path,
        licence=licence_of(decoded.copyright_text, recording.path) or ", ".join(decoded.licences),
        concept="",
        split=POOL,
        sha256=recording.sha256,
        perceptual=fingerprint(samples),
    )


def _named(record: Record, heard: Heard, wordnet: WordNet) -> Record:
    shown = describe(heard.noun, (), wordnet, hints=heard.captions, curated=True) if heard.noun else Words()
    return replace(
        record,
        concept=shown.concept or heard.concept,
        captions=heard.captions,
        glosses=shown.glosses if heard.gloss_fits else (),
        split=UNDECIDED,
    )


def _alike_in_length(one: Sound, other: Sound) -> bool:
    return max(one.length, other.length) <= 1.1 * min(one.length, other.length)


def _is_flat(print_digits: str) -> bool:
    """Whether nearly all bits are equal, as those of silence are: such prints tell nothing."""
    return not 8 <= int(print_digits, 16).bit_count() <= 56
