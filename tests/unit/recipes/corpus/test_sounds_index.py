"""The sounds' index: pool, held-out and named records, and near copies that must not be on two sides."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import recipes.corpus
from recipes.corpus.record import NO_SPLIT, POOL, UNDECIDED
from recipes.corpus.sounds import SoundTables
from recipes.corpus.sounds_index import COLUMNS, Sound, index_package, set_copies_aside, write_sounds
from recipes.corpus.wordnet import WordNet
from recipes.nano.audio.corpus import Decoded, HeldOut, Recording
from tests.unit.recipes.corpus.small_wordnet import write_wordnet

COPYRIGHT = "Files: *\nLicense: GPL-2+\n\nFiles: fauna/*\nLicense: CC0-1.0\n"


@pytest.fixture
def wordnet(tmp_path: Path) -> WordNet:
    return WordNet(write_wordnet(tmp_path))


def bursts(seed: int) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    envelope = np.repeat(rng.uniform(0.05, 1, 20), 800)
    tones = sum(np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000) for hertz in rng.uniform(100, 7000, 5))
    noise = rng.normal(0, 0.3, 16_000) * np.repeat(rng.uniform(0, 1, 10), 1600)
    return np.rint((tones * envelope + noise) * 3000).astype(np.int16)


def package(sounds: dict[str, NDArray[np.int16]]) -> Decoded:
    recordings, place = [], 0
    for path, samples in sounds.items():
        digest = hashlib.sha256(path.encode()).hexdigest()
        recordings.append(
            Recording(package="0ad-data", path=path, blake3=digest, sha256=digest, start=place, length=samples.size)
        )
        place += samples.size
    return Decoded(
        package="0ad-data",
        version="1",
        licences=("GPL-2+",),
        copyright_text=COPYRIGHT,
        recordings=tuple(recordings),
        samples=np.concatenate(list(sounds.values())),
    )


def index(sounds: dict[str, NDArray[np.int16]], wordnet: WordNet, *, held: frozenset[str] = frozenset()) -> list[Sound]:
    tables = SoundTables.read(Path(recipes.corpus.__file__).parent)
    return index_package(package(sounds), tables, HeldOut(hashes=frozenset(), stems=held), wordnet)


def test_named_recordings_are_undecided_unnamed_in_the_pool_and_held_out_ones_in_none(wordnet: WordNet) -> None:
    sounds = {"fauna/animal/lion_1.ogg": bursts(0), "misc/hero_07.ogg": bursts(1), "fauna/animal/camel1.ogg": bursts(2)}
    lion, hero, camel = index(sounds, wordnet, held=frozenset({"0ad-data/camel"}))
    assert (lion.record.split, hero.record.split, camel.record.split) == (UNDECIDED, POOL, NO_SPLIT)
    assert lion.record.concept == "lion"
    assert hero.record.captions == ()


def test_each_recording_has_the_licence_that_the_copyright_file_gives_its_path(wordnet: WordNet) -> None:
    sounds = {"fauna/animal/lion_1.ogg": bursts(0), "misc/hero_07.ogg": bursts(1)}
    assert [sound.record.licence for sound in index(sounds, wordnet)] == ["CC0-1.0", "GPL-2+"]


def test_a_near_copy_with_another_concept_is_withdrawn_and_one_with_the_same_stays(wordnet: WordNet) -> None:
    sounds = {
        "fauna/animal/lion_1.ogg": bursts(0),
        "fauna/animal/lion_2.ogg": (bursts(0) * 0.9).astype(np.int16),
        "fauna/animal/camel1.ogg": (bursts(0) * 0.8).astype(np.int16),
        "fauna/animal/horse1.ogg": bursts(3),
    }
    splits = [sound.record.split for sound in set_copies_aside(index(sounds, wordnet))]
    assert splits == [UNDECIDED, UNDECIDED, NO_SPLIT, UNDECIDED]


def test_a_near_copy_of_what_is_held_out_is_withdrawn(wordnet: WordNet) -> None:
    sounds = {"fauna/animal/lion_1.ogg": bursts(0), "fauna/animal/camel1.ogg": (bursts(0) * 0.9).astype(np.int16)}
    found = set_copies_aside(index(sounds, wordnet, held=frozenset({"0ad-data/camel"})))
    assert [sound.record.split for sound in found] == [NO_SPLIT, NO_SPLIT]


def test_the_table_says_where_the_samples_lie(wordnet: WordNet, tmp_path: Path) -> None:
    sounds = index({"fauna/animal/lion_1.ogg": bursts(0), "fauna/animal/pig1.ogg": bursts(1)}, wordnet)
    write_sounds(tmp_path / "sounds.tsv", sounds)
    header, _, second = (line.split("\t") for line in (tmp_path / "sounds.tsv").read_text().splitlines())
    assert tuple(header) == COLUMNS
    row = dict(zip(header, second, strict=True))
    assert (row["concept"], row["start"], row["length"]) == ("pig", "16000", "16000")
    assert row["captions"].startswith("a pig | ")
