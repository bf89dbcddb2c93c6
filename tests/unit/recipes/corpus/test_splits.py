"""Splits are by concept, the same for every modality, and a held-out concept is not named in training."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from recipes.corpus.hashes import from_hex, near_pairs, perceptual_hash, to_hex
from recipes.corpus.leaks import part_splits, set_aside
from recipes.corpus.record import NO_SPLIT, POOL, Record, merge, read_index, write_index
from recipes.corpus.splits import assign, plan_concepts
from recipes.corpus.wordnet import WordNet
from tests.unit.recipes.corpus.small_wordnet import write_wordnet

MANY = 2000


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> WordNet:
    return WordNet(write_wordnet(tmp_path_factory.mktemp("wordnet")))


def record(number: int, concept: str, *captions: str, modality: str = "image", split: str = "") -> Record:
    return Record(
        key=f"{number:016x}",
        modality=modality,
        package="made",
        version="1",
        path=f"{number}.png",
        licence="CC0-1.0",
        concept=concept,
        split=split,
        sha256=f"{number:064x}",
        captions=captions or (concept,),
    )


def shares(records: list[Record], wordnet: WordNet) -> dict[str, float]:
    sides = [one.split for one in assign(records, wordnet)]
    return {side: sides.count(side) / len(sides) for side in ("train", "valid", "test")}


def test_of_concepts_of_one_modality_an_eighth_is_test_and_a_twelfth_valid(wordnet: WordNet) -> None:
    got = shares([record(i, f"thing{i}x") for i in range(MANY)], wordnet)
    assert got["test"] == pytest.approx(0.12, abs=0.03)
    assert got["valid"] == pytest.approx(0.08, abs=0.03)


def test_of_concepts_with_pictures_and_sounds_three_in_ten_are_test_in_both(wordnet: WordNet) -> None:
    pictures = [record(i, f"thing{i}x") for i in range(MANY)]
    sounds = [record(MANY + i, f"thing{i}x", modality="audio") for i in range(MANY)]
    assert shares(pictures + sounds, wordnet)["test"] == pytest.approx(0.30, abs=0.04)
    sides = [one.split for one in assign(pictures + sounds, wordnet)]
    assert sides[:MANY] == sides[MANY:]


def test_a_concepts_side_depends_on_nothing_but_its_name(wordnet: WordNet) -> None:
    all_of_them = [record(i, f"thing{i}x") for i in range(100)]
    sides = {one.concept: one.split for one in assign(all_of_them, wordnet)}
    assert {one.concept: one.split for one in assign(all_of_them[40:], wordnet)}.items() <= sides.items()


def test_a_training_record_that_names_a_test_concept_is_used_for_nothing(wordnet: WordNet) -> None:
    records = [record(i, f"thing{i}x") for i in range(100)]
    plan = plan_concepts(records, [frozenset({one.concept}) for one in records]).sides
    held, trained = (next(name for name, side in plan.items() if side == want) for want in ("test", "train"))
    naming = record(500, trained, f"{trained} with {held}")
    glossed = replace(record(501, trained), glosses=(f"like {held}", "a thing"))
    after = {one.key: one for one in assign([*records, naming, glossed], wordnet)}
    assert after[naming.key].split == NO_SPLIT
    assert after[glossed.key].split == "train"
    assert after[glossed.key].glosses == ("a thing",)


def test_a_word_that_many_other_captions_mention_is_never_test(wordnet: WordNet) -> None:
    records = [record(i, f"thing{i}x") for i in range(100)]
    held = next(one.concept for one in assign(records, wordnet) if one.split == "test")
    naming = [record(1000 + i, f"other{i}y", f"other{i}y of {held}") for i in range(40)]
    sides = {one.concept: one.split for one in assign([*records, *naming], wordnet)}
    assert sides[held] == "train"


def test_what_was_set_aside_before_stays_aside(wordnet: WordNet) -> None:
    records = [record(1, "cat", split=NO_SPLIT), replace(record(2, "", split=POOL), captions=())]
    assert [one.split for one in assign(records, wordnet)] == [NO_SPLIT, POOL]


def test_the_same_bytes_are_one_record_with_the_captions_of_both() -> None:
    one, other = record(1, "cat", "cat"), record(1, "cat", "tomcat")
    assert merge([one, other]) == (replace(one, captions=("cat", "tomcat")),)


def test_an_index_reads_as_it_was_written_and_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    records = (replace(record(1, "cat", "cat", "pet, animal"), glosses=("feline",), split="train"), record(2, "dog"))
    write_index(tmp_path / "a.gz", records)
    write_index(tmp_path / "b.gz", reversed(records))
    assert read_index(tmp_path / "a.gz") == tuple(replace(one, glosses=()) for one in records)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def drawing(*, side: int = 200, shift: int = 0, colour: str = "red") -> Image.Image:
    image = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(image)
    pen.ellipse([side * 0.1 + shift, side * 0.2, side * 0.6 + shift, side * 0.8], fill=colour)
    pen.rectangle([side * 0.55, side * 0.1, side * 0.9, side * 0.35], fill="navy")
    return image


def bits_apart(one: Image.Image, other: Image.Image) -> int:
    return (perceptual_hash(one) ^ perceptual_hash(other)).bit_count()


def test_a_perceptual_hash_survives_scaling_and_not_another_drawing() -> None:
    assert bits_apart(drawing(), drawing(side=320)) <= 4
    assert bits_apart(drawing(), drawing().rotate(90)) > 12


def test_near_pairs_are_those_that_a_slow_loop_finds() -> None:
    left, right = [0, 0xFF, 0xF0F0], [1, 0xFF00FF, 0xF0F1, 0]
    slow = [(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if (a ^ b).bit_count() <= 4]
    fast = near_pairs(from_hex([to_hex(a) for a in left]), from_hex([to_hex(b) for b in right]))
    assert sorted(fast) == sorted(slow)


def test_near_duplicates_across_splits_leave_the_less_guarded_side() -> None:
    digits = {"train": "00000000000000ff", "valid": "00000000000000fe", "test": "00000000000000fc"}
    alike = [replace(record(i, side, split=side), perceptual=digits[side]) for i, side in enumerate(digits)]
    far = replace(record(9, "far", split="train"), perceptual="ffffffff00000000")
    leaks = part_splits([*alike, far], most_bits=4)
    assert [one.split for one in leaks.records] == [NO_SPLIT, NO_SPLIT, "test", "train"]
    assert leaks.moved == {"train near test": 1, "valid near test": 1}


def test_a_picture_near_a_listed_one_is_set_aside_and_counted() -> None:
    near, far = (replace(record(i, "cat", split="train"), perceptual=d) for i, d in enumerate(["0f" * 8, "f0" * 8]))
    leaks = set_aside([near, far], ["0f" * 7 + "0e"], reason="near a probe", most_bits=4)
    assert [one.split for one in leaks.records] == [NO_SPLIT, "train"]
    assert leaks.moved == {"near a probe": 1}
